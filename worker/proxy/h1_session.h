// H1Session: HTTP/1.1 on a client's connection (RFC 9112). It finds heads, has one H1Request at a time, keeps
// what the client sent ahead (pipelining), and reads a refused client's rest away (lingering).
//
//   Idle --bytes--> Head --complete--> Request --finished--> Idle | Linger --read or timeout--> Closed
//                                         `---101---> Tunnel --> Closed
//   Idle, Head --worker leaves--> Linger;  any --connection broke, timeout--> Closed
//
// A member of its ClientConnection. An idle one holds no buffer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/state_machine.h"
#include "shared/event/ready_queue.h"
#include "shared/http/h1/head_scanner.h"
#include "worker/proxy/client_session.h"
#include "worker/proxy/close_rules.h"

namespace apisix::proxy {

class ClientConnection;
class H1Request;
struct Services;

class H1Session final : public ClientSession {
 public:
  enum class State : std::uint8_t { kIdle, kHead, kRequest, kTunnel, kLinger, kClosed };
  static constexpr base::MoveTable<State> kMoves{
      {State::kIdle, {State::kHead, State::kRequest, State::kLinger, State::kClosed}},
      {State::kHead, {State::kRequest, State::kLinger, State::kClosed}},
      {State::kRequest, {State::kIdle, State::kTunnel, State::kLinger, State::kClosed}},
      {State::kTunnel, {State::kClosed}},
      {State::kLinger, {State::kClosed}}};

  explicit H1Session(ClientConnection& connection);
  ~H1Session();
  H1Session(const H1Session&) = delete;
  H1Session& operator=(const H1Session&) = delete;

  // --- ClientSession
  std::size_t input_room() const override;
  void on_bytes(std::string_view bytes) override;
  void on_peer_closed() override;
  void on_reset() override;
  void on_output_progress() override;
  void on_output_drained() override;
  void on_timeout() override;
  void on_closed() override;
  void drain() override;
  void shut_down() override;

  // --- for the H1Request in flight
  ClientConnection& connection() { return connection_; }
  // What the client sent and what was not consumed yet. Valid until the turn's end.
  std::string_view unread() const { return unread_; }
  void consume_unread(std::size_t bytes) { unread_.remove_prefix(bytes); }
  // Hands over what is unread, unless that is being done already.
  void resume() {
    if (!advancing_) advance();
  }
  void become_tunnel();
  // The request's last byte is written, or nothing more can be.
  void end_request(AfterResponse after);

 private:
  // What could not be consumed in the turn it arrived. The scanner remembers how far a head that comes in
  // pieces was looked at; it is fresh in every state but kHead.
  struct Input {
    std::string bytes;  // unread_ is its end
    http::HeadScanner scanner{http::HeadKind::kRequest};
    event::ReadyNode deferred;  // requests wait for a later turn
  };

  Services& services() const;
  void enter(State next);
  void advance();
  bool try_head();
  void become_http2();
  void begin_request(std::string_view head, const http::HeadLines& lines);
  // A request of our own for what `begin` does with it.
  template <typename Begin>
  void open_request(Begin begin);
  void keep_unread();
  void drop_consumed_input();
  void defer_rest();
  void await_output();
  void arm_head_timer();
  void arm_idle_timer();
  void arm_request_timer();
  void start_linger();

  ClientConnection& connection_;
  std::unique_ptr<H1Request> request_;
  std::unique_ptr<Input> input_;
  std::string_view unread_;  // into the scratch, or the end of input_
  std::uint32_t lingered_bytes_ = 0;
  base::StateMachine<State, kMoves> state_{State::kIdle};
  bool advancing_ = false;
  bool opening_request_ = false;
};

const char* to_string(H1Session::State state);

}  // namespace apisix::proxy
