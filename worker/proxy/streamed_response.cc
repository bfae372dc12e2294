#include "worker/proxy/streamed_response.h"

#include <coroutine>

#include "worker/limits.h"

namespace apisix::proxy {
namespace {

using State = StreamedResponse::State;
using Ending = ClientExchange::Ending;

// The frame goes on behind the other clients' events of this turn.
struct NextTurn {
  event::Loop& loop;
  std::coroutine_handle<> handle = {};
  event::ReadyNode node = {};

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    handle = waiting;
    loop.deferred().push(node, [](void* self) { static_cast<NextTurn*>(self)->handle.resume(); }, this);
  }
  void await_resume() const noexcept {}
};

}  // namespace

const char* to_string(State state) {
  switch (state) {
    case State::kIdle:
      return "Idle";
    case State::kWriting:
      return "Writing";
    case State::kWhole:
      return "Whole";
    case State::kBroken:
      return "Broken";
  }
  return "?";
}

// Destroyed with the frame that waits.
struct StreamedResponse::Drained {
  explicit Drained(StreamedResponse& response) : response(response), done(response.loop_) {
    response.waiter_ = this;
  }
  ~Drained() { response.waiter_ = nullptr; }
  Drained(const Drained&) = delete;
  Drained& operator=(const Drained&) = delete;

  StreamedResponse& response;
  async::Completion<bool> done;
};

void StreamedResponse::on_writable() {
  if (waiter_ != nullptr && !waiter_->done.is_set()) waiter_->done.set(true);
}

void StreamedResponse::fail(Ending ending) {
  if (state_ != State::kBroken) state_.move_to(State::kBroken);
  ending_ = ending;
  loop_.ready().push(
      failed_,
      [](void* context) {
        auto& self = *static_cast<StreamedResponse*>(context);
        self.on_failed_(self.ending_);
      },
      this);
}

// --- plugin::ResponseStream

void StreamedResponse::begin(std::uint16_t status) {
  state_.move_to(State::kWriting);
  request_.direct_response = {.status = status, .body = {}, .content_type = {}};
  request_.response.set_status(status);
  request_.response.from_upstream = false;
  request_.response.is_streamed = true;
}

async::Task<bool> StreamedResponse::write(std::string_view piece) {
  return send(piece, false);
}

async::Task<async::Outcome> StreamedResponse::end() {
  if (state_ == State::kWriting) co_await send({}, true);
  co_return async::Outcome::kRespond;
}

async::Outcome StreamedResponse::abort() {
  if (state_ == State::kWriting) state_.move_to(State::kBroken);
  return async::Outcome::kRespond;
}

// A filter may need several turns for a piece. A write that failed suspends its hook until the request has
// ended, which destroys the frame.
async::Task<bool> StreamedResponse::send(std::string_view piece, bool last) {
  if (state_ != State::kWriting) co_return false;
  writer_.filter_head();
  ResponseWriter::Filtered filtered = writer_.filter_body(piece, last, true);
  for (;;) {
    if (filtered.broken) fail(Ending::kBroken);
    if (filtered.broken || !write_out(filtered)) co_await std::suspend_always{};
    if (filtered.last) {
      state_.move_to(State::kWhole);
      co_return false;
    }
    if (exchange_.unsent_bytes() > limits::kOutputPendingBytesMax) {
      Drained drained(*this);
      co_await drained.done;
    }
    if (!writer_.is_filter_unfinished()) co_return true;
    co_await NextTurn{loop_};
    filtered = writer_.filter_body({}, false, true);
  }
}

// The head goes out with the first content; with its length when that is all of it, and no trailers follow,
// which need chunks (RFC 9112 7.1.2).
bool StreamedResponse::write_out(const ResponseWriter::Filtered& filtered) {
  const bool is_nothing = filtered.bytes.empty() && !filtered.last;
  if (is_nothing && (writer_.is_started() || request_.response.body_is_held)) return true;
  request_.response.body_bytes_sent += filtered.bytes.size();
  const iovec piece = net::piece(filtered.bytes);
  const Content content{.pieces = {&piece, filtered.bytes.empty() ? 0U : 1U},
                        .bytes = filtered.bytes.size(),
                        .end = filtered.last};
  if (writer_.is_started()) return writer_.write_body(content);
  const bool is_all = filtered.last && !writer_.has_no_body() && request_.response.trailers == nullptr;
  return writer_.write_head({is_all, filtered.bytes.size()}, content);
}

}  // namespace apisix::proxy
