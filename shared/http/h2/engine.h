// Engine: HTTP/2's frames, HPACK and flow control (RFC 9113, RFC 7541) on one connection, as the server or as
// the client of it; the only place that knows nghttp2. It has no socket: bytes go in by receive(), calls to
// the peer's fields and data come out of it, and frames leave by take_output(). What a peer sends is valid by
// the rules of RFC 9113 8.1 to 8.3 when it arrives here, else its stream was reset.
//
// Flow control is by hand: a peer gets room for what consume() says was used. Nothing may be received or
// taken from inside a callback; everything else may be called there, and what it causes leaves by the next
// take_output(). The engine never deletes an EngineStream; on_closed() is the last call it gets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "shared/http/h2/frame.h"
#include "shared/http/h2/frame_heads.h"
#include "shared/http/h2/frame_output.h"

struct nghttp2_session;

namespace apisix::h2 {

// RFC 9113 7.
enum class ErrorCode : std::uint32_t {
  kNoError,
  kProtocolError,
  kInternalError,
  kFlowControlError,
  kSettingsTimeout,
  kStreamClosed,
  kFrameSizeError,
  kRefusedStream,
  kCancel,
  kCompressionError,
  kConnectError,
  kEnhanceYourCalm,
  kInadequateSecurity,
  kHttp11Required,
};
std::string_view to_string(ErrorCode code);

// What a field counts for in the size of a list, beside its name and value (RFC 9113 6.5.2).
inline constexpr std::size_t kFieldOverheadBytes = 32;

// One field, or pseudo header (":status"), to be sent. A name is sent in lower case however it is written.
struct Field {
  std::string_view name;
  std::string_view value;
  bool never_index = false;  // differs each time, or is secret: not into the compression's table
};

// The user of one stream: a request that is served, or one that was sent.
class EngineStream {
 public:
  // --- what the peer sent. Views hold during the call; of data: as long as the bytes given to receive().
  // Pseudo headers come first. Not called for what is not valid.
  virtual void on_field(std::string_view name, std::string_view value) = 0;
  enum class Block : std::uint8_t {
    kHead,           // a request, or a final response
    kInformational,  // 1xx, for a client
    kTrailers,
  };
  // All fields of a block came. `end`: on_end() follows.
  virtual void on_block_end(Block block, bool end) = 0;
  // What is used of it, or dropped, is to be given to consume().
  virtual void on_data(std::string_view bytes) = 0;
  // The peer's message is whole.
  virtual void on_end() = 0;
  // The stream has ended, by both sides' ends (kNoError) or a reset of either side.
  virtual void on_closed(ErrorCode code) = 0;

  // --- what is to be sent, behind submit_response() or submit_request() with Sending::kData
  struct Ready {
    std::size_t bytes = 0;  // at most what was asked for; 0 without an end: waits for resume()
    bool end = false;       // they are the last ones
    bool trailers = false;  // with end: submit_trailers() was called
  };
  virtual Ready data_ready(std::size_t bytes_max) = 0;
  // Not called for 0 bytes in front of trailers. What data_ready() promised, perhaps 0 bytes, to `output`,
  // whose frame was begun. Later than that, when there was no room; nothing was promised in between.
  virtual void take_data(std::size_t bytes, FrameOutput& output) = 0;

 protected:
  ~EngineStream() = default;
};

class Engine {
 public:
  enum class Role : std::uint8_t { kServer, kClient };

  // What we tell the peer of ourselves (RFC 9113 6.5.2).
  struct Settings {
    std::uint32_t concurrent_streams_max = 128;  // that a peer may open
    std::uint32_t stream_window_bytes = 65'535;
    std::uint32_t connection_window_bytes = 65'535;
    std::uint32_t header_table_bytes = 4096;
    std::uint32_t header_list_bytes_max = 0;  // 0: not said
    bool enable_connect_protocol = false;     // RFC 8441, server
  };

  // The connection's user.
  class User {
   public:
    // Server: the peer opens a stream; null: it is refused (REFUSED_STREAM).
    virtual EngineStream* on_stream_opened(StreamId id) = 0;
    // Each frame's head, before its payload: for budgets. fail() ends the connection. Server: also DATA of a
    // stream that has ended, which is dropped.
    virtual void on_frame(FrameType type, StreamId id, std::size_t payload_bytes) = 0;
    // The peer broke a rule, in a field or a frame, which is dropped: the stream is reset by us, or the
    // connection ends.
    virtual void on_invalid_frame(FrameType type, StreamId id) = 0;
    virtual void on_settings() = 0;
    // The peer opens no more streams, or takes none of ours above `last`, whose users got on_closed() with
    // kRefusedStream.
    virtual void on_goaway(StreamId last, ErrorCode code) = 0;

   protected:
    ~User() = default;
  };

  // The preface (of a client) and SETTINGS are the first output.
  Engine(Role role, const Settings& settings, User& user);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // All of `bytes` is used. False: the connection has to end; what take_output() gives then says why
  // (GOAWAY).
  bool receive(std::string_view bytes);
  // Appends frames while `output` has room. True: there was more than fits, or a view needs to leave first:
  // to be called again once `output` was written.
  bool take_output(FrameOutput& output);
  bool wants_output() const;
  // Nothing more can come of it: the GOAWAY of an error is out, or one of either side and the last stream's
  // end.
  bool is_over() const;

  // --- streams. All are without effect on a stream that was closed.
  enum class Sending : std::uint8_t { kEnd, kData };  // behind the head: nothing, or what data_ready() has
  // Server.
  void submit_informational(StreamId id, std::span<const Field> fields);
  void submit_response(StreamId id, std::span<const Field> fields, Sending sending);
  // Client: the new stream's number; 0: no number is left, or the peer takes no more.
  StreamId submit_request(std::span<const Field> fields, Sending sending, EngineStream& stream);
  void submit_trailers(StreamId id, std::span<const Field> fields);
  // data_ready() has something again.
  void resume(StreamId id);
  void reset(StreamId id, ErrorCode code);
  // No more calls to its EngineStream, which may be deleted. The stream is reset or ends by itself.
  void forget(StreamId id);
  // So much of what on_data() brought was used: the peer may send as much again.
  void consume(StreamId id, std::size_t bytes);
  // The parts of consume(), for data that is kept: first the connection's room, later the stream's.
  void consume_connection(std::size_t bytes);
  void consume_stream(StreamId id, std::size_t bytes);
  // From now on the peer may have so much in flight on this stream, or (0) on the connection.
  void set_window(StreamId id, std::uint32_t bytes);

  // --- the connection
  // A GOAWAY that refuses nothing yet: who sees it opens no more streams (RFC 9113 6.8).
  void submit_shutdown_notice();
  // A GOAWAY: streams that came until now are served, later ones are ignored.
  void submit_goaway(ErrorCode code);
  // For callbacks: the connection ends with this; receive() returns false.
  void fail(ErrorCode code);

  // It was opened, and has not ended.
  bool is_open(StreamId id) const;

  // Client: how many streams the peer lets us have at once.
  std::uint32_t peer_concurrent_streams_max() const;
  // The last of the peer's streams that was taken.
  StreamId last_stream() const;

 private:
  friend struct EngineCallbacks;
  EngineStream* find(StreamId id) const;
  bool feed(std::string_view bytes);
  void check_frame(const FrameHeads::Step& step);
  static bool has_room(const FrameOutput& output);
  void submit_settings(const Settings& settings);

  nghttp2_session* session_ = nullptr;
  User& user_;
  FrameHeads heads_;                      // server
  EngineStream* block_stream_ = nullptr;  // whose fields come
  std::size_t block_bytes_ = 0;           // of those that came
  FrameOutput* output_ = nullptr;         // while frames are taken
  char block_status_ = 0;                 // client: the first digit of the block's status; 0: it has none
  const Role role_;
  bool failed_ = false;
  bool is_full_ = false;  // more frames wait than output_ had room for
};

}  // namespace apisix::h2
