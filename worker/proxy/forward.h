// Forward: the upstream side of one request: pick a node, lease a connection, send, receive, retry on the
// next node when that is allowed. A state machine; every input is an on_<event>().
//
//   Idle -> Resolving? -> Connecting? -> AwaitHead -> Body -> Done
//             ^-------- retry ----------'              `-101-> Tunnel -> Done
//
// A member of its Stream, which owns the arena and the client's side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/arena_text.h"
#include "shared/base/state_machine.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/http/h1/response_parser.h"
#include "shared/net/buffer_chain.h"
#include "worker/config/compiled.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/h1_framing.h"
#include "worker/proxy/response_writer.h"
#include "worker/proxy/services.h"
#include "worker/proxy/tunnel.h"
#include "worker/upstream/connection.h"

namespace apisix::proxy {

class Stream;

class Forward final : public upstream::Connection::User {
 public:
  enum class State : std::uint8_t { kIdle, kResolving, kConnecting, kAwaitHead, kBody, kTunnel, kDone };
  static constexpr base::MoveTable<State> kMoves{
      {State::kIdle, {State::kResolving, State::kConnecting, State::kAwaitHead, State::kDone}},
      {State::kResolving, {State::kConnecting, State::kAwaitHead, State::kDone}},
      {State::kConnecting, {State::kResolving, State::kAwaitHead, State::kDone}},
      {State::kAwaitHead,
       {State::kResolving, State::kConnecting, State::kBody, State::kTunnel, State::kDone}},
      {State::kBody, {State::kDone}},
      {State::kTunnel, {State::kDone}}};

  explicit Forward(Stream& stream);
  ~Forward();
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;

  enum class Pick : std::uint8_t { kPicked, kWait, kFailed };
  // Chooses the first node, so that headers may depend on it. kWait: names are being looked up, then
  // Stream::resume_pipeline() is called. kFailed: `failure` is the status of the response.
  Pick pick_first(const config::CompiledRoute& route, std::uint16_t& failure);
  // Sends the request; everything after that is callbacks.
  void start();

  // --- inputs from the Stream
  void on_request_content();
  void on_client_drained();
  // The response is not wanted any more: the node's connection is closed at once.
  void abort();
  // Of a request that was upgraded.
  Tunnel& tunnel() { return *tunnel_; }
  // Content is awaited from the client, and nothing else is.
  bool wants_request_content() const;

  State state() const { return state_.state(); }

 private:
  // Why an attempt ended without a response.
  enum class Failure : std::uint8_t {
    kNoSocket,  // the gateway has none left: says nothing about the node
    kConnect,
    kConnectTimeout,
    kSend,
    kReceive,
    kReceiveTimeout,
    kBadResponse
  };

  // upstream::Connection::User
  void on_upstream_connected(int error_number) override;
  void on_upstream_readable() override;
  void on_upstream_writable() override;
  void on_upstream_timeout() override;

  void set_state(State state) { state_.move_to(state); }
  std::int64_t elapsed_us() const;
  std::string node_text() const;

  // --- attempts (forward_attempts.cc)
  Pick pick_next(std::uint16_t& failure);
  // What is tried next: the same node by another connection, or the node that was picked, with its own head.
  enum class Next : std::uint8_t { kNothing, kReconnect, kNode };
  void attempt(Next next);
  bool write_head();
  void connect_node();
  void on_bad_head(const char* what);
  void on_attempt_failed(Failure failure);
  bool may_retry(Failure failure) const;
  bool was_stale(Failure failure) const;
  // The node's response has no body by rule: one that it sends all the same would be read as the next
  // response.
  bool may_send_unasked() const;
  // What becomes of the node's connection: kept for the next request, closed, or broken off.
  enum class Release : std::uint8_t { kPool, kClose, kReset };
  void release(Release how);
  void drop_connection();
  void report_to_balancer(bool failed);
  enum class Ending : std::uint8_t { kResponded, kRetried, kFailed };
  void report_health(Ending ending, bool timed_out);

  // --- request side
  void begin_exchange();
  void add_stored_body(Pieces& pieces) const;
  bool pump_request(Pieces& pieces);
  bool send(Pieces& pieces);
  // True: the attempt goes on, its response may still come.
  bool on_send_failed(const Pieces& pieces);
  void remember_for_replay(std::span<const iovec> pieces);
  void arm_timer();

  // --- response side
  void on_response_bytes(std::string_view bytes);
  void read_heads(std::string_view bytes);
  bool pass_informational(http::ResponseHead& head);
  void note_header_received(http::ResponseHead& head);
  void begin_response(http::ResponseHead& head, std::string_view body);
  BodyLength length_to_client(const http::ResponseHead& head) const;
  bool send_content(const Content& content);
  void pump_response(std::string_view bytes);
  // The same through the body filters of plugins, or into nothing (forward_filtered.cc).
  void pump_filtered(std::string_view bytes);
  enum class Sent : std::uint8_t { kMore, kLast, kEnded };
  Sent send_filtered(std::string_view content, bool last, bool flush);
  void end_filtered();
  // A filter has more to do with what it got: what comes meanwhile is buffered (forward_slices.cc).
  void keep_for_filter(std::string_view content);
  void go_on_filtering();
  void filter_slice();
  void finish_exchange(bool more_received);
  void pause_if_client_is_slow();
  void on_upstream_closed();
  void fail_response(const char* what);

  void begin_upgrade(http::ResponseHead& head, std::string_view bytes);

  // A body whose filters work in slices, one in a turn of the loop.
  struct Slices {
    std::string content;  // came meanwhile
    bool last = false;    // nothing comes behind `content`, and the filters do not know yet
    bool waits_for_client = false;
    event::ReadyNode work;
  };

  Stream& stream_;
  Services& services_;
  const config::CompiledRoute* route_ = nullptr;  // kept by the Stream
  base::Ref<const config::CompiledUpstream> upstream_;
  upstream::PickContext picks_;
  upstream::ClusterWait resolved_;
  const upstream::Node* node_ = nullptr;  // picked, without its callback after() yet
  config::Timeouts timeouts_;
  upstream::Connection* connection_ = nullptr;
  upstream::Endpoint endpoint_;
  plugin::Attempt* attempt_ = nullptr;
  std::string_view head_;         // of the request, for this node
  base::ArenaText replay_;        // the buffer of body bytes sent so far, framed, for a retry
  net::BufferChain to_upstream_;  // the buffer of short writes
  H1BodyDecoder response_body_;
  BodyLength response_length_;
  http::HeadScanner scanner_{http::HeadKind::kResponse};
  std::unique_ptr<std::string> partial_head_;
  std::unique_ptr<Tunnel> tunnel_;
  std::unique_ptr<Slices> slices_;
  std::uint64_t retry_deadline_ms_ = 0;  // 0: none
  std::uint32_t retries_left_ = 0;
  std::uint32_t informational_ = 0;
  base::StateMachine<State, kMoves> state_{State::kIdle};
  Next next_ = Next::kNothing;
  bool attempting_ = false;
  bool request_sent_ = false;    // all of it is in the socket
  bool any_bytes_sent_ = false;  // of this request, to any node
  bool replayable_ = true;
  bool send_failed_ = false;  // the node stopped reading; its response may still come
  bool response_keep_alive_ = false;
  bool filters_body_ = false;  // through plugins, or away
  bool head_waits_ = false;    // for the beginning of the body, perhaps for what filters make of it
  bool reading_paused_ = false;
};

const char* to_string(Forward::State state);

}  // namespace apisix::proxy
