// A node (not the configured one, upstream::Node) whose sockets are the test's.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "shared/net/socket.h"
#include "worker/upstream/endpoint.h"

namespace apisix::upstream {

// A node of the upstream: it accepts, and does what the test says.
class SocketNode {
 public:
  SocketNode() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listening_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listening_.fd(), 16), 0);
    socklen_t length = sizeof address;
    EXPECT_EQ(::getsockname(listening_.fd(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }

  Endpoint endpoint() const { return {.ip = *base::IpAddress::parse("127.0.0.1"), .port = port_}; }
  net::Socket accept() { return net::Socket(::accept(listening_.fd(), nullptr, nullptr)); }

 private:
  net::Socket listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port_ = 0;
};

}  // namespace apisix::upstream
