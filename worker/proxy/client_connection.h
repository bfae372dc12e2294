// ClientConnection: one HTTP/1.1 client. It reads heads, hands each request to a Stream, keeps what the
// client sent ahead (pipelining) and what it has not taken yet (output), and decides nothing about the
// request itself. An idle one holds no buffer.
//
//   Idle --bytes--> Head --complete--> Stream --done--> Idle | Linger | Closed
//                                        `--101--> Tunnel --> Closed
//
// Owned by ConnectionList; closed connections are deleted when the turn ends.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shared/event/io_watch.h"
#include "shared/event/ready_queue.h"
#include "shared/event/timer_wheel.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/net/buffer_chain.h"
#include "shared/net/socket.h"
#include "worker/proxy/close_rules.h"
#include "worker/proxy/listener.h"
#include "worker/proxy/services.h"

namespace apisix::proxy {

class Stream;

class ClientConnection : private AgeLink<ClientConnection> {
 public:
  enum class State : std::uint8_t { kIdle, kHead, kStream, kTunnel, kLinger, kClosed };

  ClientConnection(const Listener& listener, net::Socket socket, const sockaddr_storage& peer);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Watches the socket and reads at once: the first request usually is there already.
  void start();

  // --- for the Stream in flight
  // Bytes the client sent that nobody consumed yet. Valid until consume_unread() or the turn's end.
  std::string_view unread() const { return unread_; }
  void consume_unread(std::size_t bytes) { unread_.remove_prefix(bytes); }
  // The Stream can go on with what the client sends: hands it over, reads again if reading had stopped, and
  // arms the timer for what is awaited. To be called at the end of each event that does not come from here.
  void want_request_bytes();
  // Sends now what the socket takes and keeps the rest. False: the client is gone.
  bool write(std::span<const iovec> pieces);
  std::size_t output_pending() const { return output_.bytes(); }
  // The Stream's last byte is written (or nothing more can be).
  void end_stream(ClientFate fate);
  void become_tunnel();
  // Our side of the connection ends, once everything written is out.
  void shutdown_write();
  void stop_reading();

  const Listener& listener() const { return listener_; }
  const plugin::ClientInfo& info() const { return info_; }
  bool peer_closed() const { return peer_closed_; }
  // The worker leaves: an idle one is ended if it stays idle; a busy one closes after its response.
  void drain();
  // It leaves now: what can be answered shortly is, and the rest ends.
  void part();
  // Ends it without ceremony. By a reset the client reads an error instead of an end.
  void close(bool by_reset = false);

 private:
  // What could not be consumed in the turn it arrived. The scanner remembers how far a head that comes in
  // pieces was looked at; it is fresh in every state but kHead.
  struct Input {
    std::string bytes;  // unread_ is its end
    http::HeadScanner scanner{http::HeadKind::kRequest};
    event::ReadyNode deferred;  // requests wait for a later turn
  };

  friend class ConnectionList;
  friend class AgeList<ClientConnection>;
  Services& services() const { return listener_.services(); }
  static void on_event(void* self, bool readable, bool writable);
  static void on_timer(void* self);
  void on_readable();
  void enter(State next);
  void on_peer_closed();
  void flush_output();
  void advance();
  bool try_head();
  void begin_stream(std::string_view head);
  // A Stream of our own for what `begin` does with it.
  template <typename Begin>
  void open_stream(Begin begin);
  void keep_unread();
  void defer_rest();
  void note_request(bool has_request);
  void drop_consumed_input();
  void arm_idle_timer();
  void arm_stream_timer();
  void on_output_progress();
  void start_linger();

  const Listener& listener_;
  net::Socket socket_;
  event::IoWatch watch_;
  event::Timer timer_;
  net::BufferChain output_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Input> input_;
  std::string_view unread_;  // into the scratch, or the end of input_
  plugin::ClientInfo info_;
  std::uint32_t lingered_bytes_ = 0;
  State state_ = State::kIdle;
  bool is_waiting_ = true;  // without a request: where it is in ConnectionList
  bool peer_closed_ = false;
  bool advancing_ = false;
  bool opening_stream_ = false;
  bool shutdown_when_drained_ = false;
};

}  // namespace apisix::proxy
