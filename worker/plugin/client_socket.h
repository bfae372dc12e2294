// ClientSocket: what the kernel knows of a client's connection. Each question costs a system call, so nothing
// is asked before it is needed. Cannot read, write or close; asked by requests, which end before their
// connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/base/ip.h"

namespace apisix::plugin {

class ClientSocket {
 public:
  ClientSocket() = default;  // none: nothing is known
  explicit ClientSocket(int fd) : fd_(fd) {}

  // The address that the client connected to.
  std::optional<base::IpAddress> local_ip() const;
  // By nginx's names: "rtt", "rttvar" (microseconds), "snd_cwnd" (segments), "rcv_space" (bytes).
  std::optional<std::uint64_t> tcp_figure(std::string_view name) const;

 private:
  int fd_ = -1;
};

}  // namespace apisix::plugin
