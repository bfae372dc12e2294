#include "worker/upstream/h2_exchange.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "shared/http/h2/request_fields.h"
#include "worker/limits.h"
#include "worker/upstream/h2_connection.h"
#include "worker/upstream/h2_pool.h"
#include "worker/upstream/response_limits.h"

namespace apisix::upstream {
namespace {

// Pieces of unsent content that one write can have: as many chunks as its frames can be views of.
constexpr std::size_t kUnsentPiecesMax = 32;

// Of the head, or the trailers, that are being submitted.
std::vector<h2::Field>& field_scratch() {
  static thread_local std::vector<h2::Field> fields;
  return fields;
}

}  // namespace

const char* to_string(H2Exchange::State state) {
  using State = H2Exchange::State;
  switch (state) {
    case State::kWaiting:
      return "Waiting";
    case State::kConnecting:
      return "Connecting";
    case State::kReady:
      return "Ready";
    case State::kAwaitHead:
      return "AwaitHead";
    case State::kBody:
      return "Body";
    case State::kEnded:
      return "Ended";
  }
  return "?";
}

H2Exchange::H2Exchange(const Opening& opening, Exchange::User& user)
    : user_(user),
      arena_(opening.arena),
      keepalive_(opening.keepalive),
      reader_(opening.arena, opening.method, kResponseLimits),
      is_grpc_(opening.is_grpc) {}

H2Exchange::~H2Exchange() {
  abort(/*reset=*/true);
}

// --- its place

void H2Exchange::join(H2Connection& connection, bool is_open) {
  connection_ = &connection;
  state_.move_to(is_open ? State::kReady : State::kConnecting);
}

void H2Exchange::on_connected() {
  state_.move_to(State::kReady);
  user_.on_connected();
}

bool H2Exchange::is_handshaking() const {
  return connection_ != nullptr && connection_->is_handshaking();
}

const net::TlsInfo* H2Exchange::tls() const {
  return connection_ != nullptr ? connection_->tls() : nullptr;
}

// --- the request

bool H2Exchange::write_head(const http::RequestWrite& head, const http::Content& first) {
  std::vector<h2::Field>& fields = field_scratch();
  const bool is_written = h2::make_request_fields(
      head, {.scheme = tls() != nullptr ? "https" : "http", .is_grpc = is_grpc_}, arena_, fields);
  if (!is_written) {
    failure_ = {.kind = FailureKind::kUnwritable, .processed = Processed::kNo};
    end(h2::ErrorCode::kCancel);
    return false;
  }
  const bool is_all = first.end && first.bytes == 0 && first.trailers == nullptr;
  const auto sending = is_all ? h2::Engine::Sending::kEnd : h2::Engine::Sending::kData;
  id_ = connection_->engine().submit_request(fields, sending, *this);
  if (id_ == 0) {  // no stream is left on this connection
    connection_->drain();
    failure_ = {.kind = FailureKind::kSend, .processed = Processed::kNo, .is_stale = true};
    end(h2::ErrorCode::kCancel);
    return false;
  }
  state_.move_to(State::kAwaitHead);
  sent_at_ = connection_->writes();
  sent_ms_ = connection_->now_ms();
  has_assumed_room_ = !connection_->has_settings();
  processed_ = Processed::kMaybe;
  bytes_sent_ += h2::bytes_of(fields);
  out_.ended = is_all;
  if (!is_all) append(first);
  connection_->flush_later();
  return true;
}

bool H2Exchange::write_body(const http::Content& content) {
  append(content);
  connection_->engine().resume(id_);
  connection_->flush_later();
  return true;
}

void H2Exchange::append(const http::Content& content) {
  out_.unsent.append_rest(content.pieces, 0);
  out_.ended = content.end;
  if (content.end) out_.trailers = content.trailers;
  bytes_sent_ += content.bytes;
  if (!std::exchange(out_.is_listed, true)) connection_->list(*this);
}

h2::EngineStream::Ready H2Exchange::data_ready(std::size_t bytes_max) {
  const std::size_t left = out_.unsent.bytes() - out_.taken;
  Ready ready{.bytes = std::min(left, bytes_max)};
  ready.end = out_.ended && ready.bytes == left;
  if (ready.end && out_.trailers != nullptr) {
    std::vector<h2::Field>& fields = field_scratch();
    h2::make_trailer_fields(*out_.trailers, fields);
    connection_->engine().submit_trailers(id_, fields);
    ready.trailers = true;
  }
  return ready;
}

// Views of what waits: drop_taken() comes when they are written.
void H2Exchange::take_data(std::size_t bytes, h2::FrameOutput& output) {
  connection_->note_use();
  std::array<iovec, kUnsentPiecesMax> pieces;
  const std::size_t count = out_.unsent.front(pieces);
  std::size_t skipped = out_.taken;
  out_.taken += bytes;
  for (std::size_t i = 0; i < count && bytes > 0; ++i) {
    std::string_view piece(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    const std::size_t skip = std::min(skipped, piece.size());
    skipped -= skip;
    piece = piece.substr(skip, bytes);
    output.add(piece);
    bytes -= piece.size();
  }
  if (!std::exchange(out_.is_listed, true)) connection_->list(*this);
}

void H2Exchange::drop_taken() {
  if (out_.taken == 0) return;
  out_.unsent.consume(out_.taken);
  out_.taken = 0;
  out_.made_progress = true;
}

// What is left has to wait for the node: its owner's deadline is another one then, and again with each part
// that is sent.
void H2Exchange::on_flushed() {
  out_.is_listed = false;
  const bool was_blocked = std::exchange(out_.is_blocked, !out_.unsent.empty());
  const bool made_progress = std::exchange(out_.made_progress, false);
  if (was_blocked ? made_progress : out_.is_blocked) user_.on_request_writable();
}

// --- the response, while it is read: the engine must be left before the owner gets it

void H2Exchange::on_field(std::string_view name, std::string_view value) {
  reader_.on_field(name, value);
  in_.block_bytes += name.size() + value.size();
}

void H2Exchange::on_block_end(Block block, bool end) {
  connection_->touch(*this);
  switch (block) {
    case Block::kInformational:
      if (in_.informational_count == in_.informational.size()) {
        malformed_ = "too many informational responses";
      } else if (http::ResponseHead* const head = reader_.end_head(false)) {
        in_.informational[in_.informational_count++] = head;
      }
      break;
    case Block::kHead:
      in_.head = reader_.end_head(end);
      if (in_.head != nullptr && (in_.head->has_content_length || in_.head->framing == http::Framing::kNone))
        connection_->check_before_delivery();
      break;
    case Block::kTrailers:
      in_.trailers = reader_.end_trailers();
      break;
  }
  if (malformed_ == nullptr) malformed_ = reader_.error();
  bytes_received_ += std::exchange(in_.block_bytes, 0);
}

void H2Exchange::on_data(std::string_view bytes) {
  connection_->engine().consume_connection(bytes.size());
  if (malformed_ != nullptr) return;
  connection_->touch(*this);
  bytes_received_ += bytes.size();
  in_.bytes += bytes.size();
  // One piece less than there may be: the rest of this read is the last one.
  if (in_.content.size() + 1 < http::kContentPiecesMax && in_.overflow.empty()) {
    in_.content.add(bytes);
  } else {
    in_.overflow += bytes;
  }
}

void H2Exchange::on_end() {
  connection_->touch(*this);
  in_.end = true;
}

void H2Exchange::on_closed(h2::ErrorCode code) {
  connection_->touch(*this);
  is_closed_ = true;
  closed_ = code;
  if (connection_->is_taking() && code != h2::ErrorCode::kRefusedStream && !in_.end && malformed_ == nullptr)
    malformed_ = "it breaks the rules of HTTP/2";
}

void H2Exchange::note_invalid(h2::StreamId id) {
  if (id_ != id || malformed_ != nullptr) return;
  malformed_ = reader_.error() != nullptr ? reader_.error() : "it breaks the rules of HTTP/2";
  connection_->touch(*this);
}

// --- the response, delivered

void H2Exchange::deliver(bool more_at_hand) {
  if (malformed_ != nullptr) return fail(FailureKind::kBadResponse, malformed_);
  if (is_closed_ && !in_.end && state_ != State::kBody) return fail_closed();
  if (!deliver_heads()) return;
  if (state_ == State::kBody) deliver_content(more_at_hand && !in_.end);
  if (is_closed_ && state_ != State::kEnded) fail_closed();
}

// False: it has ended.
bool H2Exchange::deliver_heads() {
  for (std::uint32_t i = 0; i < in_.informational_count; ++i) {
    user_.on_informational(*in_.informational[i]);
    if (state_ == State::kEnded) return false;
  }
  in_.informational_count = 0;
  if (in_.head == nullptr) return true;
  state_.move_to(State::kBody);
  connection_->note_response();
  user_.on_response(*std::exchange(in_.head, nullptr));
  return state_ != State::kEnded;
}

// The owner of a response that ends here finds the connection with room for its next request.
void H2Exchange::deliver_content(bool more_at_hand) {
  if (!in_.overflow.empty()) in_.content.add(in_.overflow);
  const bool is_last = in_.end;
  const std::size_t bytes = std::exchange(in_.bytes, 0);
  if (is_last) end(h2::ErrorCode::kCancel);
  user_.on_response_content(
      {.pieces = in_.content.span(), .bytes = bytes, .end = is_last, .trailers = in_.trailers}, more_at_hand);
  in_.content.clear();
  in_.overflow.clear();
  if (connection_ == nullptr || bytes == 0) return;
  if (is_paused_) {
    held_bytes_ += bytes;
  } else {
    connection_->engine().consume_stream(id_, bytes);
  }
}

void H2Exchange::pause_response() {
  is_paused_ = true;
}

void H2Exchange::resume_response() {
  is_paused_ = false;
  connection_->engine().consume_stream(id_, std::exchange(held_bytes_, 0));
  connection_->flush_later();
}

bool H2Exchange::write_tunnel(std::string_view) {
  return false;
}

// --- the end

// A timeout resets its stream alone. Where the whole connection is silent, those that come take another one.
void H2Exchange::abort(bool) {
  if (state_ == State::kEnded) return;
  if (connection_ != nullptr && id_ != 0 && connection_->is_silent_since(sent_ms_)) connection_->drain();
  end(h2::ErrorCode::kCancel);
}

void H2Exchange::end(h2::ErrorCode code) {
  state_.move_to(State::kEnded);
  if (line_ != nullptr) std::exchange(line_, nullptr)->leave_line(*this);
  if (connection_ == nullptr) return;
  H2Connection& connection = *std::exchange(connection_, nullptr);
  if (id_ != 0 && !is_closed_) {
    connection.engine().reset(id_, code);
    connection.engine().forget(id_);
    connection.flush_later();
  }
  out_.unsent.clear();
  connection.leave(*this);
}

void H2Exchange::fail(FailureKind kind, std::string_view what) {
  failure_ = {.kind = kind, .processed = processed_, .is_stale = failure_.is_stale, .what = what};
  end(h2::ErrorCode::kProtocolError);
  user_.on_failed(failure_);
  failure_.what = {};
}

// REFUSED_STREAM is the node's word that it did nothing, and so is a GOAWAY for the streams above its last
// one (RFC 9113 8.7, 6.8). Only a node that was fine before, or whose limit was not known, gets another try
// that does not count: any other one could refuse without end.
void H2Exchange::fail_closed() {
  if (closed_ == h2::ErrorCode::kRefusedStream && bytes_received_ == 0) {
    processed_ = Processed::kNo;
    const bool is_draining = connection_->state() == H2Connection::State::kDraining;
    failure_.is_stale = is_draining ? connection_->has_served() : has_assumed_room_;
  }
  fail(FailureKind::kReceive,
       arena_.concat(std::string_view("upstream reset the stream: "), h2::to_string(closed_)));
}

void H2Exchange::on_connection_lost(FailureKind kind, std::string_view what, int error_number) {
  H2Connection& connection = *std::exchange(connection_, nullptr);
  // Of what no write has taken the node knows nothing.
  if (id_ == 0 || sent_at_ == connection.writes()) processed_ = Processed::kNo;
  const bool was_sent = id_ != 0;
  state_.move_to(State::kEnded);
  out_.unsent.clear();
  failure_ = {.kind = kind,
              .processed = processed_,
              .is_stale = was_sent && connection.has_served() && bytes_received_ == 0 &&
                          in_.head == nullptr && kind != FailureKind::kBadResponse,
              .error_number = error_number,
              .what = what};
  user_.on_failed(failure_);
  failure_.what = {};
}

}  // namespace apisix::upstream
