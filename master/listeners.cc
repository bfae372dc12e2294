#include "master/listeners.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "shared/base/ip.h"
#include "shared/base/log.h"

namespace apisix::master {
namespace {

using Purpose = channel::ListenSocket::Purpose;

// The kernel cuts it to net.core.somaxconn.
constexpr int kBacklog = 4096;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

base::Result<SocketAddress> socket_address(const settings::Listen& listen) {
  const auto ip = base::IpAddress::parse(listen.ip);
  if (!ip) return std::unexpected(ip.error());
  SocketAddress out;
  out.length = ip->to_sockaddr(listen.port, out.storage);
  return out;
}

void set_option(int fd, int level, int option) {
  const int on = 1;
  if (::setsockopt(fd, level, option, &on, sizeof on) != 0) {
    base::log_warn("setsockopt({}, {}) on a listening socket failed: {}", level, option,
                   std::strerror(errno));
  }
}

// Bound, not yet listening; errno on failure.
base::UniqueFd bind_socket(const SocketAddress& address, bool reuse_port) {
  base::UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (reuse_port) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  // As nginx: [::] and 0.0.0.0 are two sockets of their own.
  if (address.storage.ss_family == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) fd.reset();
  return fd;
}

base::UniqueFd listen_socket(const SocketAddress& address) {
  base::UniqueFd fd = bind_socket(address, true);
  if (!fd) return fd;
  // Accepted connections inherit it: one system call less for each.
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  if (::listen(fd.get(), kBacklog) != 0) fd.reset();
  return fd;
}

bool may_be_left_out(const settings::Listen& listen, int error_number) {
  return listen.ip == "::" && (error_number == EAFNOSUPPORT || error_number == EADDRNOTAVAIL);
}

std::string cannot_listen(const WantedListener& wanted) {
  return fmt::format("cannot listen on {} ({})", address_text(wanted.listen), wanted.key);
}

}  // namespace

std::string address_text(const settings::Listen& listen) {
  const bool v6 = listen.ip.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", listen.ip, v6 ? "]" : "", listen.port);
}

std::vector<WantedListener> wanted_listeners(const settings::Settings& settings) {
  std::vector<WantedListener> out;
  const auto& apisix = settings.apisix;
  if (apisix.http_enabled) {
    for (const auto& listen : apisix.node_listen)
      out.push_back({listen, Purpose::kProxy, "apisix.node_listen"});
    for (const auto& listen : apisix.ssl.listen) {
      out.push_back({listen, Purpose::kProxyTls, "apisix.ssl.listen"});
    }
  }
  if (settings::serves_admin_api(settings)) {
    out.push_back({settings.deployment.admin.listen, Purpose::kAdmin, "deployment.admin.admin_listen"});
  }
  if (apisix.control) out.push_back({*apisix.control, Purpose::kControl, "apisix.control"});
  if (apisix.status) out.push_back({*apisix.status, Purpose::kStatus, "apisix.status"});
  return out;
}

base::Result<Listeners> Listeners::open(const std::vector<WantedListener>& wanted, int per_address,
                                        const Listeners& previous) {
  Listeners out;
  for (const WantedListener& item : wanted) {
    const auto address = socket_address(item.listen);
    if (!address) return base::invalid(cannot_listen(item) + ": " + address.error().what);
    Address opened{item, {}};
    if (const Address* before = previous.find(item.listen)) opened.sockets = before->sockets;
    // Whoever else listens there with SO_REUSEPORT, another instance of us included, would silently share
    // the port; a bind without it finds out. Our own sockets would be found as well.
    if (opened.sockets.empty() && !previous.has_port(item.listen.port) && !bind_socket(*address, false)) {
      if (!may_be_left_out(item.listen, errno)) return base::system_error(cannot_listen(item), errno);
      out.notes_.push_back(
          fmt::format("{} ({}) is left out: this machine has no IPv6", address_text(item.listen), item.key));
      continue;
    }
    while (static_cast<int>(opened.sockets.size()) < per_address) {
      auto fd = std::make_shared<base::UniqueFd>(listen_socket(*address));
      if (!*fd) return base::system_error(cannot_listen(item), errno);
      opened.sockets.push_back(std::move(fd));
    }
    out.addresses_.push_back(std::move(opened));
  }
  return out;
}

const Listeners::Address* Listeners::find(const settings::Listen& listen) const {
  const auto found = std::ranges::find_if(addresses_, [&](const Address& address) {
    return address.wanted.listen.ip == listen.ip && address.wanted.listen.port == listen.port;
  });
  return found == addresses_.end() ? nullptr : &*found;
}

bool Listeners::has_port(std::uint16_t port) const {
  return std::ranges::any_of(addresses_,
                             [&](const Address& address) { return address.wanted.listen.port == port; });
}

std::vector<channel::ListenSocket> Listeners::share_of(int index, int workers) const {
  std::vector<channel::ListenSocket> out;
  for (const Address& address : addresses_) {
    const int count = static_cast<int>(address.sockets.size());
    const auto add = [&](int i) {
      out.push_back({address.sockets[i]->get(), address.wanted.purpose, address_text(address.wanted.listen),
                     address.wanted.listen});
    };
    if (count < workers) {
      add(index % count);
    } else {
      for (int i = index; i < count; i += workers) add(i);
    }
  }
  return out;
}

}  // namespace apisix::master
