// H1Request: one request of an H1Session and the response to it: parses the head, takes content off the
// request's framing, puts the response's on, and decides what becomes of the connection (RFC 9112 6, 9). Its
// Stream is a member: one piece of memory holds all of a request but its arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/base/recycled.h"
#include "shared/http/h1/body_framing.h"
#include "worker/proxy/client_exchange.h"
#include "worker/proxy/h1_session.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

class H1Request final : public ClientExchange, public base::Recycled<H1Request> {
 public:
  explicit H1Request(H1Session& session);
  H1Request(const H1Request&) = delete;
  H1Request& operator=(const H1Request&) = delete;

  // `head`: complete, in the session's bytes; copied. `lines`: its lines, or empty.
  void start(std::string_view head, const http::HeadLines& lines);
  // Bytes that never became a head: answered with `status`, and the connection ends.
  void refuse_bytes(std::string_view bytes, std::uint16_t status, const char* what);
  Stream& stream() { return stream_; }

  // --- ClientExchange
  Read read_content(Pieces& content) override;
  http::HeaderMap* request_trailers() override { return decoder_.trailers(); }
  bool request_read() const override { return decoder_.done(); }
  void resume_request() override { session_.resume(); }
  void send_continue_if_expected() override;
  bool write_informational(const ResponseHeadWrite& head) override;
  HeadWritten write_head(const ResponseHeadWrite& head, const Content& content) override;
  bool write_body(const Content& content) override;
  std::size_t unsent_bytes() const override;
  void close_after_response() override { keep_alive_ = false; }
  void discard_request() override;
  void finish(Ending ending) override;
  HeadWritten start_tunnel(const ResponseHeadWrite& head, std::string_view protocol,
                           std::string_view bytes) override;
  std::string_view tunnel_bytes() const override { return session_.unread(); }
  void consume_tunnel_bytes(std::size_t bytes) override { session_.consume_unread(bytes); }
  bool write_tunnel(std::string_view bytes) override;
  void shutdown_write() override;
  void stop_reading() override;

 private:
  bool write(const Pieces& pieces);
  std::string_view make_head(const ResponseHeadWrite& head, http::ConnectionOption connection,
                             std::string_view upgrade_protocol);
  bool is_draining() const;

  H1Session& session_;
  Stream stream_;
  http::H1BodyDecoder decoder_;
  http::Protocol protocol_ = http::Protocol::k11;
  http::Framing response_framing_ = http::Framing::kNone;
  bool expects_continue_ = false;
  bool keep_alive_ = false;
  bool head_written_ = false;
};

}  // namespace apisix::proxy
