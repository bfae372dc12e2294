#include "worker/upstream/h2_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "worker/limits.h"
#include "worker/upstream/h2_pool.h"

namespace apisix::upstream {
namespace {

constexpr h2::Engine::Settings kH2Settings{.concurrent_streams_max = 0,
                                           .stream_window_bytes = limits::kH2ResponseWindowBytes,
                                           .connection_window_bytes = limits::kH2NodeWindowBytes,
                                           .header_list_bytes_max = limits::kResponseHeadBytesMax};

}  // namespace

const char* to_string(H2Connection::State state) {
  switch (state) {
    case H2Connection::State::kConnecting:
      return "Connecting";
    case H2Connection::State::kOpen:
      return "Open";
    case H2Connection::State::kDraining:
      return "Draining";
    case H2Connection::State::kClosed:
      return "Closed";
  }
  return "?";
}

H2Connection::H2Connection(event::Loop& loop, Pool& pool, H2Host& host)
    : loop_(loop),
      pool_(pool),
      host_(host),
      engine_(h2::Engine::Role::kClient, kH2Settings, *this),
      idle_timeout_(
          loop.timers(), [](void* self) { static_cast<H2Connection*>(self)->on_idle_timeout(); }, this) {}

H2Connection::~H2Connection() {
  if (connection_ != nullptr) pool_.drop(*connection_);
}

base::Result<void> H2Connection::connect(const Endpoint& endpoint, const TlsHost* tls) {
  TlsTarget target;
  if (tls != nullptr) target = {tls->context, tls->server_name, tls->alpn};
  const auto connecting = pool_.connect(endpoint, *this, tls != nullptr ? &target : nullptr);
  if (!connecting) return std::unexpected(connecting.error());
  connection_ = *connecting;
  return {};
}

void H2Connection::on_upstream_connected(int error_number) {
  if (error_number != 0) {
    const std::string_view why = connection_->failure_text();  // until the turn's end
    return lose(Exchange::FailureKind::kConnect, why, why.empty() ? error_number : 0);
  }
  state_.move_to(State::kOpen);
  flush_later();  // the preface, with what its exchanges write now
  while (H2Exchange* const exchange = exchanges_.pop_front()) touched_.push_back(*exchange);
  while (H2Exchange* const exchange = touched_.pop_front()) {
    exchanges_.push_back(*exchange);
    exchange->on_connected();
  }
  if (opened_ >= limits_.requests_max) drain();
}

// --- its exchanges

std::uint32_t H2Connection::streams_max() const {
  if (!node_.has_settings) return limits::kH2StreamsUnsaidMax;
  return std::min<std::uint32_t>(engine_.peer_concurrent_streams_max(), limits::kH2StreamsPerConnectionMax);
}

bool H2Connection::has_room() const {
  if (state_ != State::kOpen && (state_ != State::kConnecting || node_.was_left)) return false;
  return streams_ < streams_max() && (opened_ == 0 || opened_ < limits_.requests_max);
}

void H2Connection::add(H2Exchange& exchange) {
  limits_ = exchange.keepalive();
  note_use();
  idle_timeout_.cancel();
  ++streams_;
  ++opened_;
  exchanges_.push_back(exchange);
  exchange.join(*this, state_ == State::kOpen);
  if (opened_ >= limits_.requests_max) drain();
}

void H2Connection::leave(H2Exchange& exchange) {
  base::List<H2Exchange>::remove(exchange);
  std::ranges::replace(listed_, &exchange, nullptr);
  --streams_;
  if (state_ == State::kConnecting) node_.was_left = true;
  if (state_ == State::kClosed) return;
  host_.serve_later();
  if (streams_ > 0) return;
  if (state_ == State::kConnecting) return lose(Exchange::FailureKind::kConnect, {});
  if (state_ == State::kOpen) note_idle();
  if (state_ == State::kDraining) close_later();
}

void H2Connection::note_idle() {
  if (limits_.idle_timeout_ms == 0 || limits_.idle_connections_max == 0) return drain();
  idle_timeout_.set_after_ms(limits_.idle_timeout_ms);
  host_.limit_idle(limits_.idle_connections_max);
}

void H2Connection::on_idle_timeout() {
  if (streams_ == 0) close();
}

void H2Connection::drain() {
  if (state_ != State::kOpen) return;
  state_.move_to(State::kDraining);
  if (streams_ == 0) close_later();
}

bool H2Connection::is_silent_since(std::uint64_t since_ms) const {
  return loop_.clock().monotonic_ms() - std::max(since_ms, node_.last_read_ms) >= limits::kH2SilenceMs;
}

// When what the engine has for the node is written, or soon without.
void H2Connection::close_later() {
  idle_timeout_.set_after_ms(limits::kH2LastWriteMs);
  flush_later();
}

void H2Connection::touch(H2Exchange& exchange) {
  base::List<H2Exchange>::remove(exchange);
  touched_.push_back(exchange);
}

void H2Connection::list(H2Exchange& exchange) {
  listed_.push_back(&exchange);
}

// The owner of one may abort it and others, or close the connection.
void H2Connection::deliver_all(bool more_at_hand) {
  while (H2Exchange* const exchange = touched_.pop_front()) {
    exchanges_.push_back(*exchange);
    exchange->deliver(more_at_hand);
  }
}

// --- output

void H2Connection::flush_later() {
  loop_.ready().push(turn_, [](void* self) { static_cast<H2Connection*>(self)->on_turn(); }, this);
}

void H2Connection::on_turn() {
  if (state_ == State::kConnecting || state_ == State::kClosed) return;
  if (!flush()) return;
  if (engine_.is_over()) {
    // The node's GOAWAY refuses the streams whose frames were made behind it (RFC 9113 6.8); ours says that
    // it broke a rule.
    if (state_ == State::kDraining) deliver_all(false);
    if (state_ == State::kClosed) return;
    if (streams_ > 0) return lose(Exchange::FailureKind::kBadResponse, "upstream broke the rules of HTTP/2");
  }
  report_flushed();
  deliver_all(false);  // streams that closed when their last frame was made
  if (state_ == State::kDraining && streams_ == 0 && unsent_.empty()) close();
}

// While the socket is full nothing is taken from the engine: content stays with its exchange, whose owner
// reads no more from its client.
bool H2Connection::write_output() {
  bool more = true;
  bool is_written = true;
  while (more && is_written && unsent_.empty()) {
    h2::FrameOutput output;
    step_.is_taking = true;
    more = engine_.take_output(output);
    step_.is_taking = false;
    is_written = output.empty() || write(output);
    drop_taken();
  }
  return is_written;
}

bool H2Connection::flush() {
  if (write_output()) return true;
  lose(Exchange::FailureKind::kSend, "connection to upstream broke");
  return false;
}

bool H2Connection::write(const h2::FrameOutput& output) {
  const net::IoResult result = connection_->write(output.pieces());
  if (result.kind == net::IoResult::Kind::kError) return false;
  ++writes_;
  unsent_.append_rest(output.pieces(), result.bytes);
  if (!unsent_.empty()) connection_->want_write(true);
  return true;
}

void H2Connection::drop_taken() {
  for (H2Exchange* const exchange : listed_) {
    if (exchange != nullptr) exchange->drop_taken();
  }
}

// An owner may write more, or abort this or that one.
void H2Connection::report_flushed() {
  const std::size_t count = listed_.size();
  for (std::size_t i = 0; i < count && state_ != State::kClosed; ++i) {
    if (listed_[i] != nullptr) listed_[i]->on_flushed();
  }
  listed_.erase(listed_.begin(), listed_.begin() + static_cast<std::ptrdiff_t>(count));
}

void H2Connection::on_upstream_writable() {
  std::array<iovec, 16> pieces;
  while (!unsent_.empty()) {
    const std::size_t count = unsent_.front(pieces);
    const net::IoResult result = connection_->write({pieces.data(), count});
    if (result.kind == net::IoResult::Kind::kError)
      return lose(Exchange::FailureKind::kSend, "connection to upstream broke");
    if (!result.done()) return;
    unsent_.consume(result.bytes);
  }
  connection_->want_write(false);
  on_turn();
}

void H2Connection::on_upstream_unsent(std::string_view rest, int error_number) {
  if (error_number != 0)
    return lose(Exchange::FailureKind::kSend, "connection to upstream broke", error_number);
  unsent_.prepend(rest);
  connection_->want_write(true);
}

// --- input

void H2Connection::on_upstream_readable() {
  const std::span<char> scratch = pool_.scratch();
  const net::IoResult got = connection_->read(scratch);
  switch (got.kind) {
    case net::IoResult::Kind::kAgain:
      return;
    case net::IoResult::Kind::kClosed:
      return lose(Exchange::FailureKind::kReceive, "upstream closed the connection");
    case net::IoResult::Kind::kError:
      return lose(Exchange::FailureKind::kReceive, "connection to upstream broke");
    case net::IoResult::Kind::kDone:
      break;
  }
  node_.last_read_ms = loop_.clock().monotonic_ms();
  const bool is_valid = engine_.receive({scratch.data(), got.bytes});
  bool is_broken = false;
  if (std::exchange(step_.checks_first, false) && engine_.wants_output()) {
    is_broken = !write_output();
    if (!is_broken) flush_later();
  }
  deliver_all(got.bytes == scratch.size() || connection_->has_pending());
  if (state_ == State::kClosed) return;
  if (is_broken) return lose(Exchange::FailureKind::kSend, "connection to upstream broke");
  if (!is_valid) {
    if (!flush()) return;  // the GOAWAY
    return lose(Exchange::FailureKind::kBadResponse, "upstream broke the rules of HTTP/2");
  }
  if (engine_.wants_output() || state_ == State::kDraining) flush_later();
}

h2::EngineStream* H2Connection::on_stream_opened(h2::StreamId) {
  return nullptr;  // nodes push nothing (RFC 9113 8.4)
}

// Frames that carry nothing cost a node nothing. A busy one has some beside its content, a patient one few.
void H2Connection::on_frame(h2::FrameType type, h2::StreamId, std::size_t payload_bytes) {
  if (type == h2::FrameType::kHeaders || (type == h2::FrameType::kData && payload_bytes > 0))
    return note_use();
  const std::uint64_t now_ms = loop_.clock().monotonic_ms();
  if (now_ms - idle_frames_.since_ms > limits::kH2IdleFramesWindowMs) idle_frames_ = {now_ms, 0};
  if (type == h2::FrameType::kWindowUpdate && streams_ > 0) return;  // it takes our content
  if (++idle_frames_.frames > limits::kH2IdleFramesMax) engine_.fail(h2::ErrorCode::kEnhanceYourCalm);
}

// The engine resets the stream of a malformed response: its owner gets nothing of what came with it.
void H2Connection::on_invalid_frame(h2::FrameType, h2::StreamId id) {
  const auto note = [id](H2Exchange& exchange) { exchange.note_invalid(id); };
  exchanges_.for_each(note);
  touched_.for_each(note);
}

void H2Connection::on_settings() {
  node_.has_settings = true;
  host_.serve_later();
}

void H2Connection::on_goaway(h2::StreamId, h2::ErrorCode) {
  drain();
}

// --- the end

void H2Connection::close() {
  if (state_ == State::kClosed) return;
  if (state_ != State::kConnecting) {
    engine_.submit_goaway(h2::ErrorCode::kNoError);
    h2::FrameOutput output;
    engine_.take_output(output);
    if (unsent_.empty() && !output.empty()) write(output);
  }
  lose(Exchange::FailureKind::kReceive, {});
}

// What is on it fails, one by one: their owners may open others meanwhile.
void H2Connection::lose(Exchange::FailureKind kind, std::string_view what, int error_number) {
  const bool was_open = state_ != State::kConnecting;
  state_.move_to(State::kClosed);
  idle_timeout_.cancel();
  turn_.unlink();
  unsent_.clear();
  pool_.drop(*std::exchange(connection_, nullptr), /*reset=*/was_open && streams_ > 0);
  host_.serve_later();
  host_.forget(*this);
  while (H2Exchange* const exchange = touched_.pop_front()) exchanges_.push_back(*exchange);
  while (H2Exchange* const exchange = exchanges_.pop_front())
    exchange->on_connection_lost(kind, what, error_number);
}

}  // namespace apisix::upstream
