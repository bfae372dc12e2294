// H2Session: HTTP/2 on a client's connection (RFC 9113). It has an H2Request for each stream, hands them what
// came when all bytes of a read are taken apart, and makes one write of the frames that a turn brought. What
// wakes a request is queued in events_, so that no request runs inside another one or inside the engine.
//
//   Open --worker leaves--> Draining --notice seen, all done--> Closing --flushed, or timeout--> Closed
//     |`--idle for keepalive_timeout, fault, budget spent, shutdown------^
//   any --connection broke--> Closed
//
// Owned by its ClientConnection, which makes it when the first bytes, or ALPN, say so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "shared/base/list.h"
#include "shared/base/state_machine.h"
#include "shared/event/ready_queue.h"
#include "shared/http/h2/engine.h"
#include "worker/proxy/client_session.h"
#include "worker/proxy/h2_budget.h"

namespace apisix::proxy {

class ClientConnection;
class H2Request;
struct Services;

// The list of a session's requests.
class H2RequestLink : public base::Link {};

// Requests for which something happened, in that order.
class H2Events {
 public:
  bool empty() const { return first_ == nullptr; }
  H2Request* first() const { return first_; }
  void push(H2Request& request);
  H2Request& pop();
  void remove(H2Request& request);
  // So that they outlive the bytes of a read.
  void keep_input();

 private:
  H2Request* first_ = nullptr;  // a list through H2Request::next_event_
  H2Request* last_ = nullptr;
};

class H2Session final : public ClientSession, private h2::Engine::User {
 public:
  enum class State : std::uint8_t { kOpen, kDraining, kClosing, kClosed };
  static constexpr base::MoveTable<State> kMoves{
      {State::kOpen, {State::kDraining, State::kClosing, State::kClosed}},
      {State::kDraining, {State::kClosing, State::kClosed}},
      {State::kClosing, {State::kClosed}}};

  explicit H2Session(ClientConnection& connection);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // --- ClientSession
  std::size_t input_room() const override;
  void on_bytes(std::string_view bytes) override;
  void on_peer_closed() override { on_reset(); }
  void on_reset() override;
  void on_output_progress() override;
  void on_output_drained() override;
  void on_timeout() override;
  void on_closed() override;
  void drain() override;
  void shut_down() override;

  // --- for its requests
  ClientConnection& connection() { return connection_; }
  h2::Engine& engine() { return engine_; }
  // It has something to do, at the end of this read or turn.
  void queue(H2Request& request);
  // Makes frames of what there is to send. Content of a write that is under way is sent or kept behind it.
  // False: the connection broke, on_reset() follows.
  bool pump();
  bool is_broken() const { return broken_; }
  // Of frames that were made, so far: all but content.
  std::uint64_t framed_head_bytes() const { return bytes_.framed - bytes_.framed_content; }
  // A request's response bytes that wait became more, or fewer.
  void note_pending(std::ptrdiff_t bytes) { bytes_.pending += static_cast<std::size_t>(bytes); }
  bool is_over_pending() const { return bytes_.pending > limits::kH2PendingBytesMax; }
  void note_framed_content(std::size_t bytes) {
    bytes_.framed_content += bytes;
    note_content_frame();
  }
  void note_content_frame() { budget_.frames.add(limits::kH2FramesPerUse); }
  // At the end of this turn, for windows that were given back, and deadlines.
  void arm_flush();
  // A request begins: it is counted.
  void note_begun();
  // We end the stream while the client still sends.
  void note_ended_early(h2::StreamId id) { budget_.ended.add(id); }
  // The stream ended because a rule of it was broken.
  void note_broken(h2::StreamId id);
  // It has ended; deleted when the turn ends.
  void end_request(H2Request& request);

 private:
  // h2::Engine::User
  h2::EngineStream* on_stream_opened(h2::StreamId id) override;
  void on_frame(h2::FrameType type, h2::StreamId id, std::size_t payload_bytes) override;
  void on_invalid_frame(h2::FrameType type, h2::StreamId id) override;
  void on_settings() override {}
  void on_goaway(h2::StreamId last, h2::ErrorCode code) override;

  Services& services() const;
  std::uint64_t now_ms() const;
  bool is_live() const { return state_ == State::kOpen || state_ == State::kDraining; }
  void check_stream(h2::FrameType type, h2::StreamId id);
  void spend(Allowance& allowance, const char* what);
  void run_events();
  void defer_events();
  void note_busy();
  void on_flush();
  bool write_output();
  void become_idle();
  void arm_timer();
  void arm_linger();
  bool may_close() const;
  void send_goaway();
  void end_all();
  void start_closing();
  void drop(std::size_t bytes);
  void fail();
  template <typename Action>
  void for_each(Action action);

  ClientConnection& connection_;
  h2::Engine engine_;
  std::unique_ptr<h2::FrameOutput> output_;  // null: nothing waits for the turn's end
  base::List<H2RequestLink> requests_;
  H2Events events_;
  event::ReadyNode flush_;
  event::ReadyNode deferred_;  // requests wait for a later turn
  H2Budget budget_;
  struct {
    std::uint64_t framed = 0;
    std::uint64_t framed_content = 0;
    std::size_t pending = 0;   // of all streams
    std::size_t lingered = 0;  // dropped, behind the last GOAWAY
  } bytes_;
  struct {
    std::uint64_t output_ms = 0;  // while output waits for the socket
    std::uint64_t idle_ms = 0;    // without a stream
    std::uint64_t notice_ms = 0;  // draining: until the second GOAWAY
  } deadlines_;
  struct {
    std::uint32_t all = 0;
    std::uint32_t begun = 0;  // of them: their heads are whole
    h2::StreamId last = 0;    // the highest number there was
  } open_;
  base::StateMachine<State, kMoves> state_{State::kOpen};
  bool receiving_ = false;
  bool running_ = false;
  bool pumping_ = false;
  bool broken_ = false;       // a write found it
  bool is_writing_ = false;   // as the tallies have it
  bool has_goaway_ = false;   // of the client
  bool goaway_sent_ = false;  // the one that says which stream was the last
};

const char* to_string(H2Session::State state);

}  // namespace apisix::proxy
