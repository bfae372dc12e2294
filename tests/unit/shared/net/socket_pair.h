// Two connected stream sockets, non-blocking.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "shared/net/socket.h"

namespace apisix::net {

struct SocketPair {
  SocketPair() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
    a = Socket(fds[0]);
    b = Socket(fds[1]);
  }

  Socket a;
  Socket b;
};

// What waits in the socket right now.
inline std::string read_all(int fd) {
  std::string out;
  std::array<char, 4096> buffer;
  for (IoResult got = read_some(fd, buffer); got.done(); got = read_some(fd, buffer)) {
    out.append(buffer.data(), got.bytes);
  }
  return out;
}

}  // namespace apisix::net
