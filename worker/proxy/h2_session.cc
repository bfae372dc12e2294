#include "worker/proxy/h2_session.h"

#include <algorithm>
#include <utility>

#include "shared/base/log.h"
#include "shared/event/turn_batch.h"
#include "worker/proxy/client_connection.h"
#include "worker/proxy/h2_request.h"

namespace apisix::proxy {

using State = H2Session::State;
using h2::ErrorCode;
using h2::FrameType;

namespace {

// Of what streams drain into while others fill, so that a turn ends.
constexpr int kRoundsPerTurn = 4;

h2::Engine::Settings engine_settings() {
  return {.concurrent_streams_max = limits::kH2StreamsMax,
          .stream_window_bytes = limits::kH2StreamWindowBytes,
          .connection_window_bytes = limits::kH2ConnectionWindowBytes,
          .header_list_bytes_max = limits::kRequestHeadBytesMax,
          .enable_connect_protocol = true};
}

}  // namespace

const char* to_string(State state) {
  switch (state) {
    case State::kOpen:
      return "Open";
    case State::kDraining:
      return "Draining";
    case State::kClosing:
      return "Closing";
    case State::kClosed:
      return "Closed";
  }
  return "?";
}

H2Session::H2Session(ClientConnection& connection)
    : connection_(connection), engine_(h2::Engine::Role::kServer, engine_settings(), *this) {
  become_idle();
  if (services().draining) drain();
  arm_flush();
}

H2Session::~H2Session() = default;

Services& H2Session::services() const {
  return connection_.services();
}

std::uint64_t H2Session::now_ms() const {
  return services().loop.clock().monotonic_ms();
}

template <typename Action>
void H2Session::for_each(Action action) {
  requests_.for_each([&action](H2RequestLink& link) { action(static_cast<H2Request&>(link)); });
}

// --- what the client sent

std::size_t H2Session::input_room() const {
  return state_ == State::kClosed ? 0 : limits::kScratchBytes;
}

void H2Session::on_bytes(std::string_view bytes) {
  if (!is_live()) return drop(bytes.size());
  receiving_ = true;
  const bool is_good = engine_.receive(bytes);
  receiving_ = false;
  if (!is_good) return fail();
  run_events();
  if (state_ != State::kClosed) arm_flush();
}

// A GOAWAY is on its way.
void H2Session::drop(std::size_t bytes) {
  bytes_.lingered += bytes;
  if (bytes_.lingered > limits::kH2LingerBytesMax) connection_.close();
}

h2::EngineStream* H2Session::on_stream_opened(h2::StreamId id) {
  auto* const request = new H2Request(*this, id);
  requests_.push_back(*request);
  ++open_.all;
  return request;
}

// Heads and content bring what they cost; the rest lives on an allowance.
void H2Session::on_frame(FrameType type, h2::StreamId id, std::size_t payload_bytes) {
  switch (type) {
    case FrameType::kHeaders:
      check_stream(type, id);
      return budget_.frames.add(limits::kH2FramesPerUse);
    case FrameType::kRstStream:
      return spend(budget_.resets, "resets too many streams");
    case FrameType::kData:
      check_stream(type, id);
      if (payload_bytes > 0 && engine_.is_open(id)) return;  // note_content_frame() counts it
      break;
    case FrameType::kPriority:
      if (id == 0) return engine_.fail(ErrorCode::kProtocolError);  // RFC 9113 6.3
      break;
    default:
      break;
  }
  spend(budget_.frames, "sends too many frames that carry nothing");
}

// RFC 9113 5.1: on a stream that the client has ended, or passed over, nothing may come.
void H2Session::check_stream(FrameType type, h2::StreamId id) {
  if (goaway_sent_) return;  // the engine ignores streams that come behind it, with all of their frames
  if (id > open_.last) {
    if (type == FrameType::kHeaders) open_.last = id;
    return;
  }
  if (id % 2 == 0 || engine_.is_open(id) || budget_.ended.has(id)) return;
  engine_.fail(ErrorCode::kStreamClosed);
}

// Each makes us reset a stream whose work has begun (CVE-2025-8671).
void H2Session::on_invalid_frame(FrameType, h2::StreamId id) {
  note_ended_early(id);
  spend(budget_.resets, "breaks too many streams");
}

// The engine resets for content beyond its length, or a window, without on_invalid_frame(). While it
// receives, it was the client's own reset, which is counted.
void H2Session::note_broken(h2::StreamId id) {
  if (!receiving_ && !budget_.ended.has(id)) on_invalid_frame(FrameType::kData, id);
}

void H2Session::spend(Allowance& allowance, const char* what) {
  if (allowance.take(now_ms())) return;
  base::log_info("client {}:{} {}", connection_.info().peer_ip.to_string(), connection_.info().peer_port,
                 what);
  engine_.fail(ErrorCode::kEnhanceYourCalm);
}

// The client opens no more streams; what it opened is served.
void H2Session::on_goaway(h2::StreamId, ErrorCode) {
  has_goaway_ = true;
}

// --- events of requests

void H2Events::push(H2Request& request) {
  if (request.marks_.queued) return;
  request.marks_.queued = true;
  request.next_event_ = nullptr;
  (last_ != nullptr ? last_->next_event_ : first_) = &request;
  last_ = &request;
}

H2Request& H2Events::pop() {
  H2Request& request = *first_;
  remove(request);
  return request;
}

void H2Events::remove(H2Request& request) {
  if (!request.marks_.queued) return;
  request.marks_.queued = false;
  H2Request* before = nullptr;
  for (H2Request* at = first_; at != &request; at = at->next_event_) before = at;
  (before != nullptr ? before->next_event_ : first_) = request.next_event_;
  if (last_ == &request) last_ = before;
}

void H2Events::keep_input() {
  for (H2Request* at = first_; at != nullptr; at = at->next_event_) at->input_.keep();
}

void H2Session::queue(H2Request& request) {
  events_.push(request);
  if (!receiving_ && !running_) arm_flush();
}

void H2Session::run_events() {
  if (running_) return;
  running_ = true;
  std::uint32_t begun = 0;
  while (!events_.empty()) {
    if (events_.first()->is_new() && ++begun > limits::kH2RequestsPerTurn) {
      defer_events();
      break;
    }
    events_.pop().run();
  }
  running_ = false;
}

// Other clients come first.
void H2Session::defer_events() {
  events_.keep_input();
  services().loop.deferred().push(
      deferred_, [](void* self) { static_cast<H2Session*>(self)->on_flush(); }, this);
}

void H2Session::note_begun() {
  ++connection_.info().requests;
  services().tallies.requests.add();
  ++open_.begun;
  note_busy();
}

void H2Session::end_request(H2Request& request) {
  base::List<H2RequestLink>::remove(request);
  events_.remove(request);
  --open_.all;
  if (request.marks_.begun) --open_.begun;
  services().connections.defer_delete(std::unique_ptr<ClientExchange>(&request));
  if (state_ == State::kClosed) return;
  if (open_.all == 0) become_idle();
  note_busy();
  arm_flush();
}

// nginx's words: Writing while there is a request, else Waiting.
void H2Session::note_busy() {
  const bool is_writing = open_.begun > 0;
  if (is_writing != std::exchange(is_writing_, is_writing)) {
    is_writing ? services().tallies.writing.add() : services().tallies.writing.subtract();
  }
  if (state_ != State::kClosed) connection_.note_request(is_writing || connection_.output_pending() > 0);
}

// --- output

void H2Session::arm_flush() {
  services().loop.batch().flushes().push(
      flush_, [](void* self) { static_cast<H2Session*>(self)->on_flush(); }, this);
}

// Frames are made while the socket takes them: a client that does not read stops its streams, not the worker.
bool H2Session::pump() {
  if (pumping_ || receiving_ || state_ == State::kClosed) return !broken_;
  pumping_ = true;
  bool more = true;
  while (more && !broken_ && connection_.output_pending() < limits::kH2OutputBytesMax) {
    if (output_ == nullptr) output_.reset(new h2::FrameOutput);
    const std::size_t before = output_->bytes();
    more = engine_.take_output(*output_);
    bytes_.framed += output_->bytes() - before;
    if (more || output_->has_views()) write_output();
  }
  pumping_ = false;
  arm_flush();
  return !broken_;
}

bool H2Session::write_output() {
  if (output_ == nullptr) return !broken_;
  if (!output_->empty() && !broken_) broken_ = !connection_.write(output_->pieces());
  output_.reset();
  return !broken_;
}

// The end of a turn: what it brought leaves in one write.
void H2Session::on_flush() {
  if (!is_live()) return;  // the last bytes are written, by start_closing()
  int rounds = 0;
  do {
    run_events();
    if (state_ == State::kClosed) return;
    pump();
  } while (!events_.empty() && !deferred_.is_queued() && ++rounds < kRoundsPerTurn);
  if (!events_.empty() && !deferred_.is_queued()) defer_events();
  write_output();
  flush_.unlink();
  if (broken_) return on_reset();
  if (is_live() && (engine_.is_over() || may_close())) return start_closing();
  note_busy();
  arm_timer();
}

void H2Session::on_output_progress() {
  deadlines_.output_ms = now_ms() + services().options.send_timeout_ms;
  if (!pumping_) arm_flush();
}

void H2Session::on_output_drained() {
  if (state_ == State::kClosing) return arm_linger();
  arm_flush();
}

// --- timers. The connection has one timer, for the earliest deadline of its streams.

void H2Session::become_idle() {
  const std::uint64_t keepalive_ms = services().options.keepalive_timeout_ms;
  deadlines_.idle_ms = now_ms() + (services().draining ? limits::kDrainIdleMs
                                   : keepalive_ms > 0  ? keepalive_ms
                                                       : limits::kDrainIdleMs);
}

void H2Session::arm_timer() {
  if (!is_live()) return;
  std::uint64_t deadline_ms = open_.all == 0 ? deadlines_.idle_ms : ClientDeadlines::kNone;
  if (connection_.output_pending() > 0) deadline_ms = std::min(deadline_ms, deadlines_.output_ms);
  if (state_ == State::kDraining && !goaway_sent_) deadline_ms = std::min(deadline_ms, deadlines_.notice_ms);
  for_each([&](H2Request& request) { deadline_ms = std::min(deadline_ms, request.deadline_ms()); });
  if (deadline_ms == ClientDeadlines::kNone) return connection_.cancel_timeout();
  const std::uint64_t now = now_ms();
  connection_.set_timeout_ms(deadline_ms > now ? deadline_ms - now : 0);
}

void H2Session::on_timeout() {
  const std::uint64_t now = now_ms();
  if (!is_live()) return connection_.close();
  if (connection_.output_pending() > 0 && now >= deadlines_.output_ms) return on_reset();
  if (state_ == State::kDraining && now >= deadlines_.notice_ms) send_goaway();
  for_each([now](H2Request& request) {
    if (now >= request.deadline_ms()) request.on_deadline();
  });
  if (state_ != State::kClosed) arm_flush();
}

// --- the end

// The two steps of RFC 9113 6.8: a request that crosses the first GOAWAY is served, the second one says which
// was the last.
void H2Session::drain() {
  if (state_ != State::kOpen) return;
  state_.move_to(State::kDraining);
  engine_.submit_shutdown_notice();
  deadlines_.notice_ms = now_ms() + limits::kDrainIdleMs;
  arm_flush();
}

void H2Session::send_goaway() {
  if (!std::exchange(goaway_sent_, true)) engine_.submit_goaway(ErrorCode::kNoError);
}

void H2Session::shut_down() {
  if (!is_live()) return;
  if (state_ == State::kOpen) state_.move_to(State::kDraining);
  send_goaway();
  for_each([](H2Request& request) { request.shut_down(); });
  if (state_ != State::kClosed) arm_flush();
}

bool H2Session::may_close() const {
  if (open_.all > 0) return false;
  return goaway_sent_ || has_goaway_ || now_ms() >= deadlines_.idle_ms;
}

void H2Session::end_all() {
  for_each([](H2Request& request) { request.on_connection_reset(); });
}

// A rule of the connection is broken, or a budget is spent: the engine has a GOAWAY that says which.
void H2Session::fail() {
  goaway_sent_ = true;
  start_closing();
}

// Closing at once would destroy the GOAWAY on its way, when the client still sends.
void H2Session::start_closing() {
  send_goaway();
  end_all();
  pump();
  write_output();
  if (broken_) return on_reset();
  state_.move_to(State::kClosing);
  flush_.unlink();
  note_busy();
  connection_.shutdown_write();
  if (connection_.output_pending() == 0) return arm_linger();
  connection_.set_timeout_ms(services().options.send_timeout_ms);
}

void H2Session::arm_linger() {
  connection_.set_timeout_ms(services().draining ? limits::kDrainLingerMs : limits::kLingerMs);
}

void H2Session::on_reset() {
  end_all();
  connection_.close();
}

void H2Session::on_closed() {
  state_.move_to(State::kClosed);
  flush_.unlink();
  deferred_.unlink();
  end_all();
  note_busy();
}

}  // namespace apisix::proxy
