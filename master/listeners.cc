#include "master/listeners.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "master/setup.h"
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

base::UniqueFd reuseport_socket(const SocketAddress& address) {
  base::UniqueFd fd = bind_socket(address, true);
  // Accepted connections inherit it: one system call less for each.
  if (fd) set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  return fd;
}

bool has_option(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 && value != 0;
}

std::optional<settings::Listen> address_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (!has_option(fd, SO_ACCEPTCONN) ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      (address.ss_family != AF_INET && address.ss_family != AF_INET6)) {
    return std::nullopt;
  }
  settings::Listen out;
  out.ip = base::IpAddress::of(address).to_string();
  out.port = base::port_of(address);
  return out;
}

bool is_same_address(const settings::Listen& a, const settings::Listen& b) {
  if (a.port != b.port) return false;
  const auto one = base::IpAddress::parse(a.ip);
  const auto other = base::IpAddress::parse(b.ip);
  return one && other && *one == *other;
}

// The kernel drops what would begin a connection (SYN without ACK) and lets pass what completes one. A client
// that comes now retries after a second, and is refused when the port is closed by then.
void refuse_new(int fd) {
  constexpr std::uint32_t kFlagsByte = 13;
  constexpr std::uint32_t kSyn = 0x02;
  constexpr std::uint32_t kSynOrAck = 0x12;
  std::array<sock_filter, 5> code = {{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsByte),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSynOrAck),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  }};
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    base::log_warn("a closing port cannot be told to take no new connections: {}", std::strerror(errno));
  }
}

// Served by the agent, one socket for each address.
bool is_of_agent(Purpose purpose) {
  return purpose == Purpose::kMetrics || purpose == Purpose::kStatus;
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
  }
  if (apisix.http_enabled) {
    for (const auto& listen : apisix.ssl.listen)
      out.push_back({listen, Purpose::kProxy, "apisix.ssl.listen"});
  }
  if (settings::serves_admin_api(settings)) {
    out.push_back({settings.deployment.admin.listen, Purpose::kAdmin, "deployment.admin.admin_listen"});
  }
  if (apisix.control) out.push_back({*apisix.control, Purpose::kControl, "apisix.control"});
  if (apisix.status) out.push_back({*apisix.status, Purpose::kStatus, "apisix.status"});
  if (settings.prometheus.listen &&
      std::ranges::find(settings.plugins, "prometheus") != settings.plugins.end()) {
    out.push_back({*settings.prometheus.listen, Purpose::kMetrics, "plugin_attr.prometheus.export_addr"});
  }
  return out;
}

std::optional<std::string> unserved_quic(const settings::Settings& settings) {
  std::vector<std::string> addresses;
  for (const auto& listen : settings.apisix.ssl.listen) {
    if (listen.http3) addresses.push_back(address_text(listen));
  }
  if (!settings.apisix.http_enabled || addresses.empty()) return std::nullopt;
  return fmt::format(
      "apisix.ssl.listen: HTTP/3 (enable_http3) is not served by this version, only HTTPS over TCP on {}",
      fmt::join(addresses, " and "));
}

base::Result<Listeners> Listeners::open(const std::vector<WantedListener>& wanted, int per_address,
                                        const Listeners& previous) {
  Listeners out;
  for (const WantedListener& item : wanted) {
    const auto address = socket_address(item.listen);
    if (!address) return base::invalid(cannot_listen(item) + ": " + address.error().what);
    Address opened{item, {}};
    if (const Address* before = previous.find(item.listen)) opened.sockets = before->sockets;
    // Another listener with SO_REUSEPORT on the port, a second instance included, would silently share
    // it; a bind without the option finds out. Our own sockets would be found as well.
    if (opened.sockets.empty() && !previous.has_port(item.listen.port) && !bind_socket(*address, false)) {
      if (!may_be_left_out(item.listen, errno)) return base::system_error(cannot_listen(item), errno);
      out.notes_.push_back(
          fmt::format("{} ({}) is left out: this machine has no IPv6", address_text(item.listen), item.key));
      continue;
    }
    const int wanted_sockets = is_of_agent(item.purpose) ? 1 : per_address;
    if (auto filled = fill(opened, wanted_sockets); !filled) return std::unexpected(filled.error());
    out.addresses_.push_back(std::move(opened));
  }
  return out;
}

base::Status Listeners::fill(Address& address, int per_address) {
  const bool is_new = address.sockets.empty();
  // A socket of systemd may allow no others beside it: then all workers share it.
  if (!is_new && !has_option(address.sockets[0]->get(), SO_REUSEPORT)) return {};
  const auto where = socket_address(address.wanted.listen);
  while (static_cast<int>(address.sockets.size()) < per_address) {
    auto fd = std::make_shared<base::UniqueFd>(reuseport_socket(*where));
    // Listening early does no harm on a new port, and another instance notices it.
    if (!*fd || (is_new && ::listen(fd->get(), kBacklog) != 0)) {
      if (is_new) return base::system_error(cannot_listen(address.wanted), errno);
      base::log_notice("{}: no socket for each worker ({}), they share what there is",
                       address_text(address.wanted.listen), std::strerror(errno));
      return {};
    }
    address.sockets.push_back(std::move(fd));
  }
  return {};
}

Listeners Listeners::adopt(std::vector<base::UniqueFd> fds) {
  Listeners out;
  for (base::UniqueFd& fd : fds) {
    const auto listen = address_of(fd.get());
    if (!listen) {
      out.notes_.push_back(
          fmt::format("inherited descriptor {} is no listening TCP socket: closed", fd.get()));
      continue;
    }
    ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
    set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);
    auto at = std::ranges::find_if(out.addresses_, [&](const Address& address) {
      return is_same_address(address.wanted.listen, *listen);
    });
    if (at == out.addresses_.end())
      at = out.addresses_.insert(at, Address{{*listen, Purpose::kProxy, ""}, {}});
    at->sockets.push_back(std::make_shared<base::UniqueFd>(std::move(fd)));
  }
  return out;
}

void Listeners::start_listening() {
  for (const Address& address : addresses_) {
    for (const SharedFd& socket : address.sockets) {
      if (::listen(socket->get(), kBacklog) == 0) continue;
      base::log_error("{}: {}", cannot_listen(address.wanted), std::strerror(errno));
    }
  }
}

std::vector<int> Listeners::fds() const {
  std::vector<int> out;
  for (const Address& address : addresses_) {
    for (const SharedFd& socket : address.sockets) out.push_back(socket->get());
  }
  return out;
}

std::vector<std::string> Listeners::addresses_not_in(const Listeners& next) const {
  std::vector<std::string> out;
  for (const Address& address : addresses_) {
    if (next.find(address.wanted.listen) == nullptr) out.push_back(address_text(address.wanted.listen));
  }
  return out;
}

std::vector<int> Listeners::retire(const Listeners& next) {
  const std::vector<int> kept = next.fds();
  std::vector<int> out;
  for (const int fd : fds()) {
    if (std::ranges::find(kept, fd) != kept.end()) continue;
    refuse_new(fd);
    out.push_back(fd);
  }
  return out;
}

const Listeners::Address* Listeners::find(const settings::Listen& listen) const {
  const auto found = std::ranges::find_if(
      addresses_, [&](const Address& address) { return is_same_address(address.wanted.listen, listen); });
  return found == addresses_.end() ? nullptr : &*found;
}

bool Listeners::has_port(std::uint16_t port) const {
  return std::ranges::any_of(addresses_,
                             [&](const Address& address) { return address.wanted.listen.port == port; });
}

base::Result<Listeners> open_listeners(const Setup& setup, const Listeners& previous) {
  const int per_address = setup.settings.apisix.enable_reuseport ? setup.workers : 1;
  return Listeners::open(wanted_listeners(setup.settings), per_address, previous);
}

std::vector<channel::ListenSocket> Listeners::share_of(int index, int workers) const {
  std::vector<channel::ListenSocket> out;
  for (const Address& address : addresses_) {
    if (is_of_agent(address.wanted.purpose)) continue;
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

std::vector<channel::ListenSocket> Listeners::spares_of(int index, int workers) const {
  std::vector<channel::ListenSocket> out;
  const auto own = share_of(index, workers);
  for (int other = 0; other < workers; ++other) {
    for (channel::ListenSocket& socket : share_of(other, workers)) {
      const auto is_same = [&](const channel::ListenSocket& known) { return known.fd == socket.fd; };
      if (std::ranges::any_of(own, is_same) || std::ranges::any_of(out, is_same)) continue;
      socket.is_spare = true;
      out.push_back(std::move(socket));
    }
  }
  return out;
}

std::vector<channel::ListenSocket> Listeners::share_of_agent() const {
  std::vector<channel::ListenSocket> out;
  for (const Address& address : addresses_) {
    if (!is_of_agent(address.wanted.purpose)) continue;
    for (const SharedFd& socket : address.sockets) {
      out.push_back({socket->get(), address.wanted.purpose, address_text(address.wanted.listen),
                     address.wanted.listen});
    }
  }
  return out;
}

}  // namespace apisix::master
