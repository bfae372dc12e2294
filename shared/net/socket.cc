#include "shared/net/socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "shared/base/check.h"
#include "shared/base/ip.h"

namespace apisix::net {
namespace {

IoResult failed(int error_number) {
  if (error_number == EAGAIN || error_number == EINTR) return {};
  return {IoResult::Kind::kError, 0, error_number};
}

// Copying a head and a small body is cheaper than the kernel's work for an iovec.
constexpr std::size_t kGatherBytesMax = 2048;

// The pieces in one place; 0 when they are too long for that.
std::size_t gather(std::span<const iovec> pieces, std::array<char, kGatherBytesMax>& into) {
  std::size_t total = 0;
  for (const iovec& piece : pieces) {
    if (piece.iov_len > into.size() - total) return 0;
    std::memcpy(into.data() + total, piece.iov_base, piece.iov_len);
    total += piece.iov_len;
  }
  return total;
}

}  // namespace

void Socket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::reset() {
  const linger hard{1, 0};
  if (fd_ >= 0) ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close();
}

IoResult read_some(int fd, std::span<char> into) {
  const ssize_t got = ::recv(fd, into.data(), into.size(), 0);
  return read_result(got < 0 ? -errno : got);
}

IoResult peek_some(int fd, std::span<char> into) {
  const ssize_t got = ::recv(fd, into.data(), into.size(), MSG_PEEK);
  return read_result(got < 0 ? -errno : got);
}

IoResult read_result(std::ptrdiff_t returned) {
  if (returned > 0) return {IoResult::Kind::kDone, static_cast<std::size_t>(returned), 0};
  if (returned == 0) return {IoResult::Kind::kClosed, 0, 0};
  return failed(static_cast<int>(-returned));
}

IoResult write_some(int fd, std::span<const iovec> pieces) {
  CHECK(pieces.size() <= kPiecesMax);
  ssize_t sent = 0;
  std::array<char, kGatherBytesMax> gathered;
  if (pieces.size() == 1) {
    sent = ::send(fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
  } else if (const std::size_t bytes = gather(pieces, gathered); bytes > 0) {
    sent = ::send(fd, gathered.data(), bytes, MSG_NOSIGNAL);
  } else {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  }
  if (sent >= 0) return {IoResult::Kind::kDone, static_cast<std::size_t>(sent), 0};
  return failed(errno);
}

base::Result<Socket> start_connect(const sockaddr_storage& address, socklen_t length) {
  Socket socket(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) {
    const int why = errno;
    auto failure = base::system_error("cannot make a socket", why);
    failure.error().retryable = why == EMFILE || why == ENFILE;  // once a descriptor is free
    return failure;
  }
  const int on = 1;
  if (address.ss_family != AF_UNIX) ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), length) != 0 &&
      errno != EINPROGRESS) {
    const int why = errno;
    auto failure = base::system_error("cannot connect to " + to_text(address), why);
    // No local port or no memory is ours, everything else is about the way to the other side.
    const bool is_ours = why == EADDRNOTAVAIL || why == EAGAIN || why == ENOBUFS || why == ENOMEM;
    if (!is_ours) failure.error().source = base::ErrorSource::kUpstream;
    return failure;
  }
  return socket;
}

int connect_error(int fd) {
  int error_number = 0;
  socklen_t size = sizeof error_number;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) return errno;
  return error_number;
}

std::string to_text(const sockaddr_storage& address) {
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return "unix:";
  const base::IpAddress ip = base::IpAddress::of(address);
  const std::string text = ip.to_string();
  const std::string port = std::to_string(base::port_of(address));
  return ip.is_v4() ? text + ":" + port : "[" + text + "]:" + port;
}

}  // namespace apisix::net
