// ClientExchange: the client's side of one request, whatever protocol the client speaks. A Stream reads the
// request's content from it and writes the response to it; framing, keep-alive and the connection belong to
// the session that implements it (H1Request). Lives as long as its Stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/http/header_map.h"
#include "shared/http/pieces.h"

namespace apisix::proxy {

using http::Content;
using http::Pieces;

// The head of a response, without framing: how its end is found is the session's to decide.
struct ResponseHeadWrite {
  std::uint16_t status = 200;
  std::string_view reason = {};  // empty: the standard phrase. HTTP/2 has none (RFC 9113 8.3.1)
  const http::HeaderMap* headers = nullptr;
  bool has_body = true;             // false: no content follows, whatever the length says (HEAD, 204, 304)
  bool has_content_length = false;  // the whole body's length is known
  std::uint64_t content_length = 0;
};

class ClientExchange {
 public:
  enum class ReadResult : std::uint8_t { kMore, kEnd, kBad };
  struct Read {
    ReadResult result;
    std::size_t bytes;  // of content in the pieces that were added
  };
  struct HeadWritten {
    bool is_open;  // false: the client's connection broke
    std::size_t head_bytes;
  };

  virtual ~ClientExchange() = default;

  // --- the request's content
  // Adds content that is at hand, as views that hold until this turn of the loop ends. Neither a byte nor an
  // end: wait for Stream::on_request_content().
  virtual Read read_content(Pieces& content) = 0;
  // Behind kEnd; null: none. In the Stream's arena.
  virtual http::HeaderMap* request_trailers() = 0;
  // All of the request was read: its end is known.
  virtual bool request_read() const = 0;
  // The Stream can go on with the request: hands it over, reads again if reading had stopped, and arms the
  // timer for the earliest deadline. To be called at the end of each event that does not come from the
  // client.
  virtual void resume_request() = 0;
  // 100 Continue, once, to a client that waits for it (RFC 9110 10.1.1). The request's body is wanted.
  virtual void send_continue_if_expected() = 0;

  // --- the response, in this order; false: the connection broke, on_client_reset() is not called
  // 1xx, to a client that may get it.
  virtual bool write_informational(const ResponseHeadWrite& head) = 0;
  // The head and the first of the body leave in one write.
  virtual HeadWritten write_head(const ResponseHeadWrite& head, const Content& content) = 0;
  virtual bool write_body(const Content& content) = 0;
  // Bytes that the client has not taken yet; on_writable() follows when they are gone.
  virtual std::size_t unsent_bytes() const = 0;

  // --- the end
  // The connection ends behind the response.
  virtual void close_after_response() = 0;
  // What the client still sends cannot be read as a message.
  virtual void discard_request() = 0;
  enum class Ending : std::uint8_t {
    kWhole,       // all of the response was written and taken
    kBroken,      // the client must see that the response is not whole
    kClientGone,  // no client is left to see it
  };
  // The Stream has ended, and is deleted when no callback of it is on the stack.
  virtual void finish(Ending ending) = 0;

  // --- an upgrade (RFC 9110 7.8): the head with 101, then bytes of another protocol
  virtual HeadWritten start_tunnel(const ResponseHeadWrite& head, std::string_view protocol,
                                   std::string_view bytes) = 0;
  // What the client sent in the tunnel and what was not consumed; Stream::on_request_content() says when.
  virtual std::string_view tunnel_bytes() const = 0;
  virtual void consume_tunnel_bytes(std::size_t bytes) = 0;
  virtual bool write_tunnel(std::string_view bytes) = 0;
  // Our side ends, once everything written is out.
  virtual void shutdown_write() = 0;
  virtual void stop_reading() = 0;
};

}  // namespace apisix::proxy
