// H2Request: one stream of an H2Session: a request and the response to it. What arrives is noted while the
// engine receives, and handed to the Stream by run(), when the session says so. Content that the Stream does
// not take is kept, and counts against the stream's window until it is taken; content that the client's
// windows do not let out is kept, and the node waits.
//
// Its Stream is a member: one piece of memory holds all of a request but its arena. Invariant: the engine
// knows it until finish().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/base/recycled.h"
#include "shared/http/h2/engine.h"
#include "shared/http/h2/request_head.h"
#include "worker/proxy/client_exchange.h"
#include "worker/proxy/h2_content.h"
#include "worker/proxy/h2_session.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

class H2Request final : public ClientExchange,
                        private h2::EngineStream,
                        private H2RequestLink,
                        public base::Recycled<H2Request> {
 public:
  H2Request(H2Session& session, h2::StreamId id);
  H2Request(const H2Request&) = delete;
  H2Request& operator=(const H2Request&) = delete;

  Stream& stream() { return stream_; }
  bool is_done() const { return marks_.done; }
  // The head is whole, and the Stream does not know yet.
  bool is_new() const { return has_.head && !marks_.begun; }
  // Hands the Stream what happened, in the order in which it may happen.
  void run();
  // ClientDeadlines::kNone: nothing is awaited from the client.
  std::uint64_t deadline_ms();
  void on_deadline();
  void on_connection_reset();
  void shut_down();

  // --- ClientExchange
  Read read_content(Pieces& content) override;
  http::HeaderMap* request_trailers() override { return trailers_; }
  bool request_read() const override { return marks_.end_taken; }
  void resume_request() override;
  void send_continue_if_expected() override;
  bool write_informational(const ResponseHeadWrite& head) override;
  HeadWritten write_head(const ResponseHeadWrite& head, const Content& content) override;
  bool write_body(const Content& content) override;
  std::size_t unsent_bytes() const override;
  void close_after_response() override {}  // the other streams have nothing to do with it
  void discard_request() override;
  void finish(Ending ending) override;
  HeadWritten start_tunnel(const ResponseHeadWrite& head, std::string_view protocol,
                           std::string_view bytes) override;
  std::string_view tunnel_bytes() const override { return input_.front(); }
  void consume_tunnel_bytes(std::size_t bytes) override;
  bool write_tunnel(std::string_view bytes) override;
  void shutdown_write() override;
  void stop_reading() override { discard_request(); }

 private:
  friend class H2Session;
  friend class H2Events;
  // What happened since run().
  struct Events {
    bool head : 1 = false;
    bool content : 1 = false;
    bool drained : 1 = false;
    bool reset : 1 = false;
  };
  // --- h2::EngineStream
  void on_field(std::string_view name, std::string_view value) override;
  void on_block_end(Block block, bool end) override;
  void on_data(std::string_view bytes) override;
  void on_end() override;
  void on_closed(h2::ErrorCode code) override;
  Ready data_ready(std::size_t bytes_max) override;
  void take_data(std::size_t bytes, h2::FrameOutput& output) override;

  void begin();
  void hand_over_content();
  void take_input(std::size_t bytes);
  void drop_input();
  void read_trailers();
  void on_trailer(std::string_view name, std::string_view value);
  // Sends the head, and content as far as it goes; the rest waits.
  HeadWritten send_head(const ResponseHeadWrite& head, const Content& content);
  bool send(const Content& content);
  void note_drained();
  void note_end_framed();

  // How far it is; each becomes true once.
  struct Marks {
    bool queued : 1 = false;          // in the session's events
    bool begun : 1 = false;           // the Stream has the request
    bool ends_with_head : 1 = false;  // there is no content
    bool input_ended : 1 = false;     // all of it came
    bool end_taken : 1 = false;       // by the Stream
    bool discards : 1 = false;        // what comes is dropped
    bool trailers_dropped : 1 = false;
    bool expects_continue : 1 = false;
    bool is_connect : 1 = false;  // an extended one
    bool is_tunnel : 1 = false;
    bool tunnel_ended : 1 = false;  // by the client
    bool head_written : 1 = false;
    bool promised_end : 1 = false;  // data_ready() said so
    bool closed : 1 = false;        // the engine has forgotten it
    bool done : 1 = false;          // finish() was called
  };

  H2Session& session_;
  Stream stream_;
  h2::RequestHeadBuilder head_;
  H2Request* next_event_ = nullptr;
  const h2::StreamId id_;
  Events has_;
  Marks marks_;
  H2Input input_;
  H2Output output_;
  base::ArenaText trailer_lines_;
  http::HeaderMap* trailers_ = nullptr;
  std::uint64_t head_deadline_ms_;
};

}  // namespace apisix::proxy
