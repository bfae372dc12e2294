// Listener: accepts the clients of one listening socket. The socket belongs to the master, which keeps it
// open over workers' lives; the worker only stops accepting.
#pragma once

#include <cstdint>

#include "shared/event/io_watch.h"
#include "shared/net/socket.h"
#include "worker/proxy/services.h"

namespace apisix::channel {
struct ListenSocket;
}

namespace apisix::proxy {

class ClientTls;
class LocalService;

class Listener {
 public:
  // What its clients speak, as config.yaml says.
  struct Protocols {
    bool tls = false;
    bool http2 = false;           // by ALPN, or with prior knowledge when plain
    bool proxy_protocol = false;  // each connection begins with a PROXY header
  };

  // `service`: null for the proxy's own listeners.
  Listener(Services& services, const channel::ListenSocket& socket, ClientKind kind, LocalService* service);

  void start();
  // Leaves the clients to the other processes with this socket.
  void stop_accepting();
  // Closes this process's copy of the socket.
  void stop();
  // Takes the clients that wait in the socket, then stops.
  void empty_and_stop();

  int fd() const { return fd_; }
  bool is_serving() const { return watch_.wants_read() || retry_.is_set(); }
  Services& services() const { return services_; }
  ClientKind kind() const { return kind_; }
  const Protocols& protocols() const { return protocols_; }
  LocalService* service() const { return service_; }
  // Null: its clients speak in plain text.
  ClientTls* tls() const { return tls_; }
  std::uint16_t port() const { return port_; }

 private:
  static void on_event(void* self, bool readable, bool writable);
  // False: the backlog is empty, or no client can be accepted now.
  bool accept_some();
  void take(net::Socket socket, const sockaddr_storage& peer);
  // Closes an upstream connection that is idle, or the oldest client without a request.
  void make_room();
  bool can_make_room() const;
  void pause();

  Services& services_;
  int fd_;
  event::IoWatch watch_;
  event::Timer retry_;  // out of descriptors: retry soon, without spinning
  const Protocols protocols_;
  ClientKind kind_;
  LocalService* service_;
  ClientTls* const tls_;
  std::uint16_t port_ = 0;
};

}  // namespace apisix::proxy
