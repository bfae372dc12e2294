// H2Exchange: an exchange in HTTP/2 (RFC 9113): one stream of an H2Connection, which others share. What comes
// in one read is handed over at once: heads, then all content, then the end. What the node has no room for,
// by its window or because its socket is full, waits here.
//
//   Waiting? --its turn--> Connecting? -> Ready --write_head()--> AwaitHead -> Body -> Ended
//   any --failure, abort()--> Ended
//
// Owned by who opened it. It is on its connection's list, or in its endpoint's line, until it ends.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "shared/base/list.h"
#include "shared/base/recycled.h"
#include "shared/base/state_machine.h"
#include "shared/http/h2/engine.h"
#include "shared/http/h2/response_reader.h"
#include "shared/net/buffer_chain.h"
#include "worker/upstream/exchange.h"

namespace apisix::upstream {

class H2Connection;
class H2Host;

class H2Exchange final : public Exchange,
                         public base::Recycled<H2Exchange>,
                         private h2::EngineStream,
                         private base::Link {
 public:
  enum class State : std::uint8_t { kWaiting, kConnecting, kReady, kAwaitHead, kBody, kEnded };
  static constexpr base::MoveTable<State> kMoves{
      {State::kWaiting, {State::kConnecting, State::kReady, State::kEnded}},
      {State::kConnecting, {State::kReady, State::kEnded}},
      {State::kReady, {State::kAwaitHead, State::kEnded}},
      {State::kAwaitHead, {State::kBody, State::kEnded}},
      {State::kBody, {State::kEnded}}};

  H2Exchange(const Opening& opening, Exchange::User& user);
  ~H2Exchange() override;

  State state() const { return state_.state(); }
  const KeepaliveLimits& keepalive() const { return keepalive_; }

  // --- Exchange
  bool is_connected() const override { return state_ == State::kReady; }
  bool is_in_line() const override { return state_ == State::kWaiting; }
  bool is_handshaking() const override;
  bool write_head(const http::RequestWrite& head, const http::Content& first) override;
  bool write_body(const http::Content& content) override;
  std::size_t unsent_bytes() const override { return out_.is_blocked ? out_.unsent.bytes() : 0; }
  void pause_response() override;
  void resume_response() override;
  // There is no upgrade in HTTP/2.
  void start_tunnel() override {}
  bool write_tunnel(std::string_view bytes) override;
  void shutdown_write() override {}
  void abort(bool reset) override;
  const net::TlsInfo* tls() const override;

 private:
  friend class base::List<H2Exchange>;
  friend class H2Connection;
  friend class H2Host;

  // --- from the connection
  // It has a place on `connection`.
  void join(H2Connection& connection, bool is_open);
  void on_connected();
  // Each once: the owner may then abort it, or others.
  void on_connection_lost(FailureKind kind, std::string_view what, int error_number);
  // What came for stream `id` breaks a rule.
  void note_invalid(h2::StreamId id);
  // What a read brought.
  void deliver(bool more_at_hand);
  // What was taken of its content was written, or buffered behind other output.
  void drop_taken();
  // All that could be sent of it was.
  void on_flushed();

  // --- h2::EngineStream
  void on_field(std::string_view name, std::string_view value) override;
  void on_block_end(Block block, bool end) override;
  void on_data(std::string_view bytes) override;
  void on_end() override;
  void on_closed(h2::ErrorCode code) override;
  Ready data_ready(std::size_t bytes_max) override;
  void take_data(std::size_t bytes, h2::FrameOutput& output) override;

  bool deliver_heads();
  void deliver_content(bool more_at_hand);
  void fail_closed();
  void append(const http::Content& content);
  // Leaves the line or the connection; a stream that is still open is reset.
  void end(h2::ErrorCode code);
  void fail(FailureKind kind, std::string_view what);

  // The request's content on its way.
  struct Outgoing {
    net::BufferChain unsent;
    std::size_t taken = 0;  // of it: is in output that is being written
    const http::HeaderMap* trailers = nullptr;
    bool ended = false;       // the owner gave all of it
    bool is_blocked = false;  // some of it could not be sent when the rest was
    bool made_progress = false;
    bool is_listed = false;  // for on_flushed()
  };

  static constexpr std::size_t kInformationalPerReadMax = 8;
  // What was read and not delivered yet.
  struct Incoming {
    std::array<http::ResponseHead*, kInformationalPerReadMax> informational;
    std::uint32_t informational_count = 0;
    http::ResponseHead* head = nullptr;
    http::HeaderMap* trailers = nullptr;
    http::Pieces content;
    std::size_t bytes = 0;        // of content
    std::size_t block_bytes = 0;  // of fields whose block is not whole
    std::string overflow;         // content that is in more pieces
    bool end = false;
  };

  Exchange::User& user_;
  base::Arena& arena_;
  const KeepaliveLimits& keepalive_;
  H2Connection* connection_ = nullptr;  // null: in line, or ended
  H2Host* line_ = nullptr;              // in which it waits
  Outgoing out_;
  Incoming in_;
  h2::ResponseReader reader_;
  std::size_t held_bytes_ = 0;       // delivered while paused: the node gets no room for them yet
  std::uint64_t sent_ms_ = 0;        // when its head was submitted
  std::uint64_t sent_at_ = 0;        // the connection's count of writes when its head was submitted
  const char* malformed_ = nullptr;  // what is wrong with the response
  h2::StreamId id_ = 0;              // 0: no head is submitted
  h2::ErrorCode closed_ = h2::ErrorCode::kNoError;
  base::StateMachine<State, kMoves> state_{State::kWaiting};
  const bool is_grpc_;
  bool is_paused_ = false;
  bool is_closed_ = false;         // the stream, with closed_
  bool has_assumed_room_ = false;  // sent before the node said how many streams it takes
};

const char* to_string(H2Exchange::State state);

}  // namespace apisix::upstream
