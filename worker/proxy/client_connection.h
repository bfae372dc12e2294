// ClientConnection: one client's transport: reads, writes, keeps what the client has not taken yet (output)
// and closes. What the bytes mean is its session's. An idle one holds no buffer.
//
//   (PROXY header -->) (Handshake -->) Open --close()--> Closed
//
// In a handshake it has no request and counts as idle: it may have to make room. Its session is the idle
// H1Session then, whose timeout ends it.
// Owned by ConnectionList; closed connections are deleted when the turn ends.
#pragma once

#include <cstdint>
#include <span>

#include "shared/event/timer_wheel.h"
#include "shared/net/buffer_chain.h"
#include "shared/net/watched_transport.h"
#include "worker/proxy/h1_session.h"
#include "worker/proxy/listener.h"
#include "worker/proxy/services.h"

namespace apisix::proxy {

class ClientConnection : private AgeLink<ClientConnection>, private event::TimerLink {
 public:
  ClientConnection(const Listener& listener, net::Socket socket, const sockaddr_storage& peer);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Watches the socket and reads at once: the first request usually is there already.
  void start();
  // The session for what a TLS handshake agreed on, before its first bytes.
  void choose_session(std::string_view alpn);

  // --- for its session
  // Sends what the socket takes, now or with the others of the turn, and buffers the rest. False: the client
  // is gone. That may show only when the turn is sent: then by ClientSession::on_reset().
  bool write(std::span<const iovec> pieces);
  std::size_t output_pending() const { return output_.bytes(); }
  // Writes that would leave with the turn leave now, before the connection ends. False: the socket did not
  // take them, they wait in the output buffer.
  bool send_queued();
  void want_read(bool on);
  // Our side of the connection ends, once the output buffer is flushed.
  void shutdown_write();
  // The one timer of the connection: ClientSession::on_timeout(). Sets anew when already set.
  void set_timeout_ms(std::uint64_t delay_ms) { services().loop.timers().set(*this, delay_ms); }
  void cancel_timeout() { cancel(); }
  // With a request or output pending, or without: who is without may have to make room.
  void note_request(bool has_request);
  // On a plain port without ALPN the first bytes choose: the preface of HTTP/2 (RFC 9113 3.3).
  bool takes_http2_preface() const;
  // They were that, as far as H1Session reads it as a head; `rest` came behind it.
  void become_http2(std::string_view preface, std::string_view rest);
  // Ends it without ceremony. By a reset the client reads an error instead of an end.
  void close(bool by_reset = false);

  const Listener& listener() const { return listener_; }
  Services& services() const { return listener_.services(); }
  plugin::ClientInfo& info() { return info_; }
  bool peer_closed() const { return peer_closed_; }

  // --- for ConnectionList
  void drain() { session_->drain(); }
  void shut_down() { session_->shut_down(); }

 private:
  friend class ConnectionList;
  friend class AgeList<ClientConnection>;
  static void on_timeout(event::TimerLink& timer);
  static void on_event(void* self, bool readable, bool writable);
  void begin();
  bool begin_tls();
  void end_handshake();
  void on_readable();
  // (client_connection_header.cc)
  void expect_proxy_header();
  bool awaits_proxy_header() const;
  bool read_proxy_header();
  void refuse_proxy_header(std::string_view why);
  void begin_plain();
  void await_tls_write();
  void flush_output();
  static void on_unsent(void* self, std::string_view rest, int error_number);
  void keep_unsent(std::string_view rest);
  void start_http2();

  const Listener& listener_;
  net::WatchedTransport transport_;
  net::BufferChain output_;
  plugin::ClientInfo info_;
  // Here, because an idle one is a few bytes. The flags take the last one of them, which it does not use.
  [[no_unique_address]] H1Session h1_;
  bool is_open_ : 1 = true;
  bool is_waiting_ : 1 = true;  // without a request: where it is in ConnectionList
  bool peer_closed_ : 1 = false;
  bool shutdown_when_drained_ : 1 = false;
  bool is_beginning_ : 1 = false;         // the PROXY header is not read, or the handshake not done
  bool reads_when_writable_ : 1 = false;  // TLS has to write before it can read on
  ClientSession* session_ = &h1_;         // or an H2Session of our own
};

// What an idle client costs, with the allocator's 8 bytes (the sum is rounded up to 16) and libevent's entry
// of its descriptor: AgeLink 16, TimerLink 24, listener 8, Socket and TLS 16, IoWatch 160, output 8,
// ClientInfo 48, H1Session and the flags 56, session 8.
static_assert(sizeof(ClientConnection) <= 344);

}  // namespace apisix::proxy
