#include "worker/plugin/client_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace apisix::plugin {

std::optional<base::IpAddress> ClientSocket::local_ip() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  return base::IpAddress::of(address);
}

std::optional<std::uint64_t> ClientSocket::tcp_figure(std::string_view name) const {
  ::tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (name == "rtt") return info.tcpi_rtt;
  if (name == "rttvar") return info.tcpi_rttvar;
  if (name == "snd_cwnd") return info.tcpi_snd_cwnd;
  if (name == "rcv_space") return info.tcpi_rcv_space;
  return std::nullopt;
}

}  // namespace apisix::plugin
