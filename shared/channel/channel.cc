#include "shared/channel/channel.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "shared/base/log.h"
#include "shared/event/io_watch.h"

namespace apisix::channel {
namespace {

bool is_known(unsigned char kind) {
  return kind >= static_cast<unsigned char>(MessageKind::kReady) &&
         kind <= static_cast<unsigned char>(MessageKind::kReloadPlugins);
}

struct Packet {
  enum class Kind : unsigned char { kMessage, kNone, kSkipped, kClosed } kind;
  Message message;
};

Packet read_packet(int fd) {
  std::array<char, 1 + End::kTextBytesMax> bytes;
  const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {Packet::Kind::kNone, {}};
  if (got <= 0) return {Packet::Kind::kClosed, {}};
  const auto kind = static_cast<unsigned char>(bytes[0]);
  if (!is_known(kind)) {
    base::log_warn("control channel: message of unknown kind {} ignored", kind);
    return {Packet::Kind::kSkipped, {}};
  }
  return {Packet::Kind::kMessage, {static_cast<MessageKind>(kind), std::string(bytes.data() + 1, got - 1)}};
}

}  // namespace

struct End::Listening : std::enable_shared_from_this<Listening> {
  Listening(event::Loop& loop, int fd, OnMessage on_message, OnClosed on_closed)
      : fd(fd),
        on_message(std::move(on_message)),
        on_closed(std::move(on_closed)),
        watch(loop, [](void* self, bool, bool) { static_cast<Listening*>(self)->on_readable(); }, this) {
    watch.start(fd);
  }

  // One message per event: the watch is level-triggered, and the callback may end this End.
  void on_readable() {
    const auto keep = shared_from_this();
    const Packet packet = read_packet(fd);
    if (packet.kind == Packet::Kind::kMessage) {
      on_message(packet.message);
    } else if (packet.kind == Packet::Kind::kClosed) {
      watch.stop();
      on_closed();
    }
  }

  int fd;
  OnMessage on_message;
  OnClosed on_closed;
  event::IoWatch watch;
};

End& End::operator=(End&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = std::move(other.fd_);
  listening_ = std::move(other.listening_);
  return *this;
}

base::Status End::send(MessageKind kind, std::string_view text) {
  std::array<char, 1 + kTextBytesMax> packet;
  packet[0] = static_cast<char>(kind);
  text = text.substr(0, kTextBytesMax);
  std::copy(text.begin(), text.end(), packet.begin() + 1);
  if (::send(fd_.get(), packet.data(), 1 + text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
  const auto code = errno == EAGAIN ? base::ErrorCode::kUnavailable : base::ErrorCode::kClosed;
  return base::fail(code, base::ErrorSource::kGateway,
                    std::string("control channel: cannot send: ") + std::strerror(errno), errno == EAGAIN);
}

void End::start(event::Loop& loop, OnMessage on_message, OnClosed on_closed) {
  listening_ = std::make_shared<Listening>(loop, fd_.get(), std::move(on_message), std::move(on_closed));
}

std::optional<Message> End::receive() {
  Packet packet = read_packet(fd_.get());
  while (packet.kind == Packet::Kind::kSkipped) packet = read_packet(fd_.get());
  if (packet.kind != Packet::Kind::kMessage) return std::nullopt;
  return std::move(packet.message);
}

void End::close() {
  if (listening_) listening_->watch.stop();
  listening_.reset();
  fd_.reset();
}

base::Result<Pair> make_channel() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return base::system_error("cannot make a control channel", errno);
  }
  return Pair{MasterEnd(base::UniqueFd(fds[0])), ChildEnd(base::UniqueFd(fds[1]))};
}

}  // namespace apisix::channel
