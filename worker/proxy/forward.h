// Forward: the upstream side of one request: opens an exchange with the node that was picked, passes content
// both ways, retries on the next node when that is allowed, and has the deadlines of the node's side. It
// knows no wire. A state machine; every input is an on_<event>().
//
//   Idle -> Connecting? -> AwaitHead -> Body -> Done
//             ^------- retry ------'  `-101-> Tunnel -> Done
//
// A member of its Stream, which owns the arena and the client's side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/state_machine.h"
#include "shared/event/timer_wheel.h"
#include "worker/proxy/client_exchange.h"
#include "worker/proxy/node_choice.h"
#include "worker/proxy/replay.h"
#include "worker/proxy/request_filter.h"
#include "worker/proxy/response_writer.h"
#include "worker/proxy/services.h"
#include "worker/proxy/tunnel.h"
#include "worker/upstream/exchange.h"

namespace apisix::proxy {

class Stream;

class Forward final : private upstream::Exchange::User {
 public:
  enum class State : std::uint8_t { kIdle, kConnecting, kAwaitHead, kBody, kTunnel, kDone };
  static constexpr base::MoveTable<State> kMoves{
      {State::kIdle, {State::kConnecting, State::kAwaitHead, State::kDone}},
      {State::kConnecting, {State::kAwaitHead, State::kDone}},
      {State::kAwaitHead, {State::kConnecting, State::kBody, State::kTunnel, State::kDone}},
      {State::kBody, {State::kDone}},
      {State::kTunnel, {State::kDone}}};

  explicit Forward(Stream& stream);
  ~Forward();
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;

  using Pick = NodeChoice::Pick;
  // Chooses the first node, so that headers may depend on it.
  Pick pick_first(const config::CompiledRoute& route, std::uint16_t& failure) {
    return node_.pick_first(route, failure);
  }
  // Sends the request; everything after that is callbacks.
  void start();

  // --- inputs from the Stream
  void on_request_content();
  void on_client_drained();
  // The response is not wanted any more: the exchange ends at once.
  void abort();
  // Of a request that was upgraded.
  Tunnel& tunnel() { return *tunnel_; }
  // Content is awaited from the client, and nothing else is.
  bool wants_request_content() const;

  State state() const { return state_.state(); }

 private:
  using Failure = upstream::Exchange::Failure;
  using FailureKind = upstream::Exchange::FailureKind;

  // upstream::Exchange::User
  void on_connected() override;
  void on_head_progress() override { arm_timer(); }
  void on_informational(http::ResponseHead& head) override;
  void on_response(http::ResponseHead& head) override;
  void on_response_content(const Content& content, bool more_at_hand) override;
  void on_upgrade(http::ResponseHead& head, std::string_view bytes) override;
  void on_tunnel_bytes(std::string_view bytes) override;
  void on_tunnel_closed() override { tunnel_->on_upstream_closed(); }
  void on_request_writable() override;
  void on_failed(const Failure& failure) override;

  void set_state(State state) { state_.move_to(state); }
  void on_timeout();
  void arm_timer();
  // At most until the call's deadline.
  void wait_for_node(std::uint64_t timeout_ms);
  void read_deadline();
  void on_deadline_exceeded();

  // --- attempts (forward_attempts.cc)
  void attempt();
  void open_exchange();
  // It took too long, or what the node says is refused.
  void fail_attempt(FailureKind kind);
  void on_attempt_failed(const Failure& failure);
  void log_failure(const Failure& failure) const;
  bool may_retry(FailureKind kind) const;
  void on_unwritable_head();
  // The response is whole, or its rest is not wanted: the exchange has ended.
  void finish_attempt();
  void count_bytes();

  // --- request side
  void begin_exchange();
  http::RequestWrite make_head() const;
  bool send_head(bool is_read);
  bool send_first(const Content& first, bool is_new);
  bool read_request(Pieces& pieces, Content& content);
  const http::HeaderMap* trailers();
  bool pump_request();
  bool send_body(const Content& content);
  // All of it was taken from the client, and has gone through the filters of plugins.
  bool is_request_taken() const;
  // Through the request body filters of plugins (forward_request.cc).
  void begin_filtering();
  static void frame_filtered(http::RequestWrite& head, const Content& first);
  bool read_filtered(Content& content);
  bool pump_filtered();
  void go_on_with_request();

  // --- response side
  void log_ignored(const http::ResponseHead& head);
  void note_header_received(http::ResponseHead& head);
  BodyLength length_to_client(const http::ResponseHead& head) const;
  bool send_content(const Content& content);
  void pause_if_client_is_slow();
  void fail_response(std::string_view what);
  // Through the body filters of plugins, or into nothing (forward_filtered.cc).
  void filter_content(const Content& content, bool more_at_hand);
  enum class Sent : std::uint8_t { kMore, kLast, kEnded };
  Sent send_filtered(std::string_view content, bool last, bool flush);
  void end_filtered();
  // A filter has more to do with what it got: what comes meanwhile is buffered (forward_slices.cc).
  void keep_for_filter(std::string_view content);
  void go_on_filtering();
  void filter_slice();

  // A body whose filters work in slices, one in a turn of the loop.
  struct Slices {
    std::string content;  // came meanwhile
    bool last = false;    // nothing comes behind `content`, and the filters do not know yet
    bool waits_for_client = false;
    event::ReadyNode work;
  };

  Stream& stream_;
  Services& services_;
  NodeChoice node_;
  event::Timer timer_;
  std::unique_ptr<upstream::Exchange> exchange_;  // of the last attempt; keeps those before it
  Replay replay_;
  BodyLength response_length_;
  std::unique_ptr<Tunnel> tunnel_;
  std::unique_ptr<Slices> slices_;
  std::unique_ptr<RequestFilter> request_filter_;  // null: the body goes on as it comes
  std::uint64_t deadline_ms_ = 0;                  // of a gRPC call; 0: none
  std::uint32_t informational_ = 0;
  base::StateMachine<State, kMoves> state_{State::kIdle};
  struct Tries {
    bool is_begun = false;   // attempt() is on the stack
    bool again = false;      // another attempt is to begin
    std::uint8_t stale = 0;  // that did not count
  } tries_;
  bool attempt_open_ = false;      // the exchange has not ended
  bool may_be_processed_ = false;  // by some node
  bool filters_body_ = false;      // through plugins, or away
  bool head_waits_ = false;        // for the beginning of the body, perhaps for what filters make of it
  bool reading_paused_ = false;
};

const char* to_string(Forward::State state);

}  // namespace apisix::proxy
