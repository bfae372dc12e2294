// Sockets: an owned descriptor and the few system calls the gateway makes on it. All non-blocking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

#include "shared/base/result.h"

namespace apisix::net {

// Owns a descriptor; -1 = none.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Socket() { close(); }

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int take_fd() { return std::exchange(fd_, -1); }
  void close();
  // Closes so that the peer sees a reset at once (SO_LINGER 0): for aborted exchanges.
  void reset();

 private:
  int fd_ = -1;
};

// What one read or write did. kAgain: nothing now; kClosed: the peer's end (reads only).
struct IoResult {
  enum class Kind : unsigned char { kDone, kAgain, kClosed, kError } kind = Kind::kAgain;
  std::size_t bytes = 0;
  int error_number = 0;

  bool done() const { return kind == Kind::kDone; }
};

IoResult read_some(int fd, std::span<char> into);
// What it returns stays in the socket: the next read returns it again.
IoResult peek_some(int fd, std::span<char> into);
// What recv() returned, or a negative errno.
IoResult read_result(std::ptrdiff_t returned);
// One sendmsg() (send() for one piece), never SIGPIPE. Takes at most kPiecesMax pieces.
inline constexpr std::size_t kPiecesMax = 64;
IoResult write_some(int fd, std::span<const iovec> pieces);

// A TCP socket that is connecting (or connected already) to `address`, TCP_NODELAY set.
base::Result<Socket> start_connect(const sockaddr_storage& address, socklen_t length);
// The outcome of a non-blocking connect: 0 or an errno.
int connect_error(int fd);

// "192.0.2.1:80", "[2001:db8::1]:80", "unix:"
std::string to_text(const sockaddr_storage& address);

inline iovec piece(std::string_view bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

}  // namespace apisix::net
