#include "worker/proxy/listener.h"

#include <cerrno>
#include <memory>
#include <utility>

#include <netinet/in.h>

#include "shared/base/ip.h"
#include "shared/base/log.h"
#include "shared/channel/child_context.h"
#include "worker/proxy/client_connection.h"
#include "worker/proxy/local_service.h"

namespace apisix::proxy {
namespace {

constexpr std::uint64_t kRetryAcceptMs = 100;

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return base::port_of(address);
}

// Errors of one connection, not of the listener: take the next.
bool is_transient(int error_number) {
  return error_number == EINTR || error_number == ECONNABORTED || error_number == EPROTO ||
         error_number == EPERM || error_number == ENETDOWN || error_number == EHOSTUNREACH;
}

}  // namespace

Listener::Listener(Services& services, const channel::ListenSocket& socket, ClientKind kind,
                   LocalService* service)
    : services_(services),
      fd_(socket.fd),
      watch_(services.loop, &Listener::on_event, this),
      retry_(
          services.loop.timers(), [](void* self) { static_cast<Listener*>(self)->start(); }, this),
      protocols_{socket.listen.tls, socket.listen.http2, socket.listen.proxy_protocol},
      kind_(kind),
      service_(service),
      tls_(socket.listen.tls ? services.tls_of(kind) : nullptr),
      port_(bound_port(socket.fd)) {}

void Listener::start() {
  if (fd_ < 0 || watch_.wants_read()) return;
  watch_.keep_order();
  watch_.start(fd_);
}

// The descriptor is this process's copy: while it is open, the kernel queues clients that would never be
// accepted.
void Listener::stop() {
  if (fd_ < 0) return;
  stop_accepting();
  net::Socket(std::exchange(fd_, -1)).close();
}

void Listener::stop_accepting() {
  retry_.cancel();
  watch_.stop();
}

void Listener::empty_and_stop() {
  while (fd_ >= 0 && accept_some()) {
  }
  stop();
}

void Listener::on_event(void* self, bool, bool) {
  static_cast<Listener*>(self)->accept_some();
}

bool Listener::accept_some() {
  for (int i = 0; i < limits::kAcceptsPerTurn; ++i) {
    const bool is_full = services_.connections.is_full(kind_);
    if (is_full && !can_make_room()) {
      base::log(base::LogLevel::kAlert, "{} {} are not enough, no new ones for {} ms",
                services_.connections.connections_max(kind_), name_of(kind_), kRetryAcceptMs);
      pause();
      return false;
    }
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN) return false;
      if (is_transient(errno)) continue;
      const int why = errno;
      if ((why == EMFILE || why == ENFILE) && free_descriptor(services_, kind_)) continue;
      base::log(base::LogLevel::kCrit, "{}, no new connections for {} ms",
                base::system_error("accept4() failed", why).error().what, kRetryAcceptMs);
      pause();
      return false;
    }
    services_.tallies.accepted.add();
    net::Socket socket(fd);
    if (service_ != nullptr && !service_->admits(base::IpAddress::of(peer))) continue;
    if (is_full) make_room();
    take(std::move(socket), peer);
  }
  return true;
}

void Listener::take(net::Socket socket, const sockaddr_storage& peer) {
  services_.tallies.handled.add();
  services_.tallies.active.add();
  auto* connection = new ClientConnection(*this, std::move(socket), peer);
  services_.connections.add(*connection);
  connection->start();
}

bool Listener::can_make_room() const {
  return services_.connections.has_waiting(kind_) ||
         (kind_ == ClientKind::kProxy && services_.pool.has_idle());
}

// Of the two kinds of idle connections that count for the proxy the one that there are more of gives way.
void Listener::make_room() {
  const bool mostly_upstreams =
      kind_ == ClientKind::kProxy && services_.pool.idle() >= services_.connections.waiting(kind_);
  if (mostly_upstreams && services_.pool.drop_one_idle()) return;
  services_.connections.make_room(kind_);
}

// No descriptors or connections left: the backlog keeps the clients until descriptors are free again.
void Listener::pause() {
  watch_.stop();
  retry_.set_after_ms(kRetryAcceptMs);
}

}  // namespace apisix::proxy
