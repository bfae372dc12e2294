// H2Connection: one HTTP/2 connection to a node, shared by many exchanges. It leases a Connection from the
// Pool all its life. Frames of a turn leave in one write at its end; what a read brought is delivered when
// the engine is done with it, so that an owner may do anything in its callbacks.
//
//   Connecting -> Open --GOAWAY, requests_max, drain()--> Draining --last exchange--> Closed
//   any --the connection broke, close()--> Closed
//
// Owned by its H2Host, which deletes it at the end of a turn. Draining: no exchange joins.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "shared/base/list.h"
#include "shared/base/state_machine.h"
#include "shared/http/h2/engine.h"
#include "shared/net/buffer_chain.h"
#include "worker/limits.h"
#include "worker/upstream/h2_exchange.h"
#include "worker/upstream/keepalive_limits.h"
#include "worker/upstream/pool.h"

namespace apisix::upstream {

class H2Host;

class H2Connection final : private Connection::User, private h2::Engine::User, private base::Link {
 public:
  enum class State : std::uint8_t { kConnecting, kOpen, kDraining, kClosed };
  static constexpr base::MoveTable<State> kMoves{{State::kConnecting, {State::kOpen, State::kClosed}},
                                                 {State::kOpen, {State::kDraining, State::kClosed}},
                                                 {State::kDraining, {State::kClosed}}};

  H2Connection(event::Loop& loop, Pool& pool, H2Host& host);
  ~H2Connection();
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;

  // An error that is known at once is returned.
  base::Result<void> connect(const Endpoint& endpoint, const TlsHost* tls);
  State state() const { return state_.state(); }
  // Another exchange may join.
  bool has_room() const;
  bool is_idle() const { return state_ == State::kOpen && streams_ == 0; }
  void add(H2Exchange& exchange);
  // No exchange joins any more; it closes behind the last one.
  void drain();
  // Only an idle one, or one that failed to connect.
  void close();

  // --- for its exchanges
  h2::Engine& engine() { return engine_; }
  void leave(H2Exchange& exchange);
  // It has something to deliver.
  void touch(H2Exchange& exchange);
  // It has, or took, content to send: on_flushed() follows.
  void list(H2Exchange& exchange);
  void flush_later();
  const net::TlsInfo* tls() const { return connection_ != nullptr ? connection_->tls() : nullptr; }
  bool is_handshaking() const {
    return connection_ != nullptr && connection_->state() == Connection::State::kHandshaking;
  }
  // Frames are being made: a stream that closes now was reset by us, for a rule that the node broke.
  bool is_taking() const { return step_.is_taking; }
  // Whether its content has the length that its head says is known when the engine made its frames.
  void check_before_delivery() { step_.checks_first = true; }
  // Writes that took what was submitted before them.
  std::uint64_t writes() const { return writes_; }
  bool has_settings() const { return node_.has_settings; }
  // Some exchange got a response: the node was fine before.
  bool has_served() const { return node_.has_served; }
  void note_response() { node_.has_served = true; }
  // Nothing came since then, for so long that its node, or the way there, may be dead.
  bool is_silent_since(std::uint64_t since_ms) const;
  std::uint64_t now_ms() const { return loop_.clock().monotonic_ms(); }
  // A request, or content either way: the node may send some frames that carry nothing beside it.
  void note_use() { idle_frames_.frames -= std::min(idle_frames_.frames, limits::kH2FramesPerUse); }

 private:
  friend class base::List<H2Connection>;

  // Connection::User
  void on_upstream_connected(int error_number) override;
  void on_upstream_readable() override;
  void on_upstream_writable() override;
  void on_upstream_unsent(std::string_view rest, int error_number) override;
  // h2::Engine::User
  h2::EngineStream* on_stream_opened(h2::StreamId id) override;
  void on_frame(h2::FrameType type, h2::StreamId id, std::size_t payload_bytes) override;
  void on_invalid_frame(h2::FrameType type, h2::StreamId id) override;
  void on_settings() override;
  void on_goaway(h2::StreamId last, h2::ErrorCode code) override;

  void on_turn();
  void on_idle_timeout();
  void deliver_all(bool more_at_hand);
  // Writes what the engine has. False: the connection broke, and is not lost yet.
  bool write_output();
  // The same. False: the connection is lost.
  bool flush();
  bool write(const h2::FrameOutput& output);
  void drop_taken();
  void report_flushed();
  void note_idle();
  void close_later();
  void lose(Exchange::FailureKind kind, std::string_view what, int error_number = 0);
  std::uint32_t streams_max() const;

  event::Loop& loop_;
  Pool& pool_;
  H2Host& host_;
  Connection* connection_ = nullptr;  // null: closed
  h2::Engine engine_;
  base::List<H2Exchange> exchanges_;
  base::List<H2Exchange> touched_;
  std::vector<H2Exchange*> listed_;  // null: has left
  net::BufferChain unsent_;          // of short writes
  event::ReadyNode turn_;
  event::Timer idle_timeout_;
  KeepaliveLimits limits_;  // of the last exchange
  std::uint64_t writes_ = 0;
  std::uint32_t streams_ = 0;  // exchanges that are on it
  std::uint32_t opened_ = 0;   // in all
  struct Budget {
    std::uint64_t since_ms = 0;
    std::uint32_t frames = 0;
  } idle_frames_;  // that moved nothing
  base::StateMachine<State, kMoves> state_{State::kConnecting};
  struct Step {
    bool is_taking = false;     // the engine makes frames
    bool checks_first = false;  // before what was read is delivered
  } step_;
  struct Node {
    std::uint64_t last_read_ms = 0;
    bool has_settings = false;
    bool has_served = false;
    bool was_left = false;  // some exchange did not wait for the connection
  } node_;                  // what is known of it
};

const char* to_string(H2Connection::State state);

}  // namespace apisix::upstream
