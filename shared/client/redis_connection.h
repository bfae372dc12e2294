// RedisConnection: one connection to a redis server, shared by all who call through its pool. Commands are
// pipelined: written in one send per turn of the loop, with replies in order. Owned by the pool.
//
//   kResolving -> kConnecting -> [kHandshaking] -> [kGreeting] -> kReady -> kClosed
//
// Commands before kReady are buffered and not written if its caller is cancelled meanwhile. A
// connection with a call that had its timeout, or that was silent for the reply timeout, takes no more calls
// (retired); it is closed when the others are done, or the last of them has waited that long, too.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/async/awaiters.h"
#include "shared/base/ip.h"
#include "shared/base/result.h"
#include "shared/base/state_machine.h"
#include "shared/client/redis_command.h"
#include "shared/client/redis_reply.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"
#include "shared/net/transport.h"
#include "shared/resolve/resolved_host.h"

namespace apisix::client {

class RedisConnection;
class RedisPool;

// One call that waits for its reply; lives in the frame of the coroutine that awaits it.
class RedisCall {
 public:
  RedisCall(event::Loop& loop, std::uint64_t timeout_ms);
  ~RedisCall();
  RedisCall(const RedisCall&) = delete;
  RedisCall& operator=(const RedisCall&) = delete;

  bool await_ready() const noexcept { return result_.has_value(); }
  void await_suspend(std::coroutine_handle<> handle) {
    resumption_.set_handle(handle);
    waiting_ = true;
  }
  // Error::retryable says that the server has not seen the command.
  base::Result<RedisReply> await_resume() { return std::move(*result_); }

 private:
  friend class RedisConnection;
  // Where the connection keeps what it must do for this call.
  struct Place {
    RedisCall* call = nullptr;  // null: the caller was cancelled
    std::string unsent;         // the command, until the connection is ready
    unsigned replies = 1;       // 2: that to ASKING comes before its own
    bool is_sent = false;
  };
  void end(base::Result<RedisReply> result);
  static void on_timeout(void* self);

  async::Resumption resumption_;
  event::Timer timer_;
  std::optional<base::Result<RedisReply>> result_;
  RedisConnection* connection_ = nullptr;  // null: not submitted, or replied to
  Place* place_ = nullptr;
  bool waiting_ = false;
};

class RedisConnection {
 public:
  enum class State : std::uint8_t { kResolving, kConnecting, kHandshaking, kGreeting, kReady, kClosed };
  static constexpr base::MoveTable<State> kMoves{
      {State::kResolving, {State::kConnecting, State::kClosed}},
      {State::kConnecting, {State::kHandshaking, State::kGreeting, State::kClosed}},
      {State::kHandshaking, {State::kGreeting, State::kClosed}},
      {State::kGreeting, {State::kReady, State::kClosed}},
      {State::kReady, {State::kClosed}}};
  static constexpr std::size_t kWaitingMax = 16'384;

  explicit RedisConnection(RedisPool& pool);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // Once, when it has its place in the pool: it may close at once.
  void start();
  State state() const { return state_.state(); }
  bool accepts() const { return state_ != State::kClosed && !retired_ && waiting_.size() < kWaitingMax; }
  std::size_t waiting() const { return waiting_.size(); }

  // `asking`: sends ASKING first, for a slot that is being moved to this node.
  void submit(const RedisCommand& command, RedisCall& call, bool asking);
  // The pool closes connections after their idle timeout.
  bool is_idle_since(std::uint64_t now_ms, std::uint64_t idle_ms) const {
    return waiting_.empty() && used_ms_ + idle_ms <= now_ms;
  }
  void close(const base::Error& error);

 private:
  friend class RedisCall;
  using Place = RedisCall::Place;

  void resolve_host();
  void on_found(const resolve::ResolvedHost& host);
  void connect_next(std::string failure);
  base::Result<net::Socket> connect_to(const base::IpAddress* ip);
  void close_for(int error_number);
  void close_because(base::ErrorCode code, std::string_view what);
  void on_io(bool readable, bool writable);
  void on_connected();
  void continue_handshake();
  void greet();
  void begin_tls();
  void become_ready();
  void on_greeting(const RedisReply& reply);

  void read();
  void take_replies(std::string_view bytes);
  void deliver(RedisReply&& reply);
  void schedule_flush();
  void flush();
  void retire();
  // The caller of that command was cancelled: its reply is discarded.
  void on_abandoned(RedisCall& call);
  void watch_for_silence();
  void on_silence();

  RedisPool& pool_;
  event::Loop& loop_;
  base::StateMachine<State, kMoves> state_{State::kResolving};
  bool retired_ = false;
  std::vector<base::IpAddress> addresses_;  // not tried yet, the next one last
  net::Transport transport_;
  event::IoWatch watch_;
  event::Timer stall_;  // of connecting as a whole, then of silence while replies are due
  event::ReadyNode flush_node_;
  ReplyReader reader_;
  std::string out_;
  std::size_t sent_ = 0;        // of out_
  unsigned greetings_due_ = 0;  // replies to AUTH and SELECT
  base::Error failure_;         // why it is closed
  std::deque<Place> waiting_;   // in the order of the replies
  std::uint64_t used_ms_ = 0;   // when the last command or reply came
  resolve::HostWaiter host_waiter_;
};

const char* to_string(RedisConnection::State state);

}  // namespace apisix::client
