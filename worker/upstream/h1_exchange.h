// H1Exchange: an exchange in HTTP/1.1 on a connection of its own (RFC 9112): writes the request's head and
// framing, finds the response's head and takes its framing off, and decides whether the connection is used
// again.
//
//   Waiting? --its turn--> Connecting? -> Ready --write_head()--> AwaitHead -> Body -> Ended
//                                                                     `-101-> Upgrading -> Tunnel -> Ended
//   any --failure, abort()--> Ended
//
// Owned by who opened it; leases its Connection from the Pool until it ends.
#pragma once

#include <memory>
#include <string>

#include "shared/base/recycled.h"
#include "shared/base/state_machine.h"
#include "shared/http/h1/body_framing.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/net/buffer_chain.h"
#include "worker/upstream/exchange.h"
#include "worker/upstream/pool.h"

namespace apisix::upstream {

class H1Exchange final : public Exchange,
                         public base::Recycled<H1Exchange>,
                         private Connection::User,
                         private Waiter {
 public:
  enum class State : std::uint8_t {
    kWaiting,
    kConnecting,
    kReady,
    kAwaitHead,
    kBody,
    kUpgrading,
    kTunnel,
    kEnded
  };
  static constexpr base::MoveTable<State> kMoves{
      {State::kWaiting, {State::kConnecting, State::kReady, State::kEnded}},
      {State::kConnecting, {State::kReady, State::kEnded}},
      {State::kReady, {State::kAwaitHead, State::kEnded}},
      {State::kAwaitHead, {State::kBody, State::kUpgrading, State::kEnded}},
      {State::kBody, {State::kEnded}},
      {State::kUpgrading, {State::kTunnel, State::kEnded}},
      {State::kTunnel, {State::kEnded}}};

  H1Exchange(Pool& pool, const Opening& opening, Exchange::User& user);
  ~H1Exchange() override;

  // Leases a connection, or waits for one.
  base::Result<void> start(const Opening& opening);
  State state() const { return state_.state(); }

  // --- Exchange
  bool is_connected() const override { return state_ == State::kReady; }
  bool is_in_line() const override { return state_ == State::kWaiting; }
  bool is_handshaking() const override;
  bool write_head(const http::RequestWrite& head, const http::Content& first) override;
  bool write_body(const http::Content& content) override;
  std::size_t unsent_bytes() const override { return unsent_.bytes(); }
  void pause_response() override;
  void resume_response() override;
  void start_tunnel() override { state_.move_to(State::kTunnel); }
  bool write_tunnel(std::string_view bytes) override;
  void shutdown_write() override;
  void abort(bool reset) override;
  const net::TlsInfo* tls() const override;

 private:
  // Connection::User
  void on_upstream_connected(int error_number) override;
  void on_upstream_readable() override;
  void on_upstream_writable() override;
  void on_upstream_unsent(std::string_view rest, int error_number) override;
  // Waiter
  void on_turn(HostPool& home) override;

  // --- the request
  bool send(const http::Pieces& pieces);
  bool on_send_failed();
  // Was taken by a write, and not sent after all.
  void keep_unsent(std::string_view rest);

  // --- the response
  void read_heads(std::string_view bytes);
  void keep_partial_head(std::string_view bytes);
  void begin_response(http::ResponseHead& head, std::string_view body);
  void read_content(std::string_view bytes);
  void on_receive_failed();
  void on_node_closed();

  // --- the end
  void take_connection(Connection& connection);
  // Behind a whole response.
  void finish(bool bytes_left_over);
  bool may_send_unasked() const;
  void end(bool reset);
  void fail(FailureKind kind, std::string_view what = {}, int error_number = 0);

  Pool& pool_;
  Exchange::User& user_;
  base::Arena& arena_;
  const KeepaliveLimits& keepalive_;
  Connection* connection_ = nullptr;  // null: none yet, or ended
  net::BufferChain unsent_;           // the buffer of short writes
  std::unique_ptr<std::string> partial_head_;
  http::HeadScanner scanner_{http::HeadKind::kResponse};
  http::H1BodyDecoder body_;
  std::uint16_t status_ = 0;
  const http::Method method_;
  http::Framing request_framing_ = http::Framing::kNone;
  base::StateMachine<State, kMoves> state_{State::kWaiting};
  bool request_ended_ = false;         // the owner gave all of it
  bool send_failed_ = false;           // the node stopped reading; its response may still come
  bool keep_alive_ = false;            // says the response
  bool shuts_down_when_sent_ = false;  // a tunnel
};

const char* to_string(H1Exchange::State state);

}  // namespace apisix::upstream
