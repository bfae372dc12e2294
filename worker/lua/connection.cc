#include "worker/lua/connection.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/un.h>

#include "shared/base/text.h"

namespace apisix::lua {
namespace {

std::string text_of_errno(int error_number) {
  return base::to_lower(std::strerror(error_number));
}

}  // namespace

Connection::Connection(event::Loop& loop)
    : loop_(loop),
      watch_(
          loop,
          [](void* self, bool readable, bool writable) {
            static_cast<Connection*>(self)->on_event(readable, writable);
          },
          this),
      readable_(loop),
      writable_(loop) {}

void Connection::on_event(bool readable, bool writable) {
  if (on_useless_ != nullptr) {
    auto* const on_useless = std::exchange(on_useless_, nullptr);
    return on_useless(idle_context_);  // it may destroy this
  }
  // Level-triggered: interest only as long as something waits.
  if (readable) {
    watch_.want_read(false);
    readable_.notify();
  }
  if (writable) {
    watch_.want_write(false);
    writable_.notify();
  }
}

void Connection::close() {
  watch_.stop();
  transport_.close();
  in_.clear();
  taken_ = 0;
}

void Connection::take(std::size_t bytes) {
  taken_ += bytes;
  if (taken_ == in_.size()) {
    in_.clear();
    taken_ = 0;
  }
}

async::Task<std::string> Connection::connect(const base::IpAddress& ip, std::uint16_t port,
                                             std::uint64_t timeout_ms) {
  sockaddr_storage address{};
  const socklen_t length = ip.to_sockaddr(port, address);
  co_return co_await finish_connect(net::start_connect(address, length), timeout_ms);
}

async::Task<std::string> Connection::connect_unix(const std::string& path, std::uint64_t timeout_ms) {
  sockaddr_storage address{};
  auto& local = reinterpret_cast<sockaddr_un&>(address);
  if (path.empty() || path.size() >= sizeof local.sun_path) co_return "invalid unix socket path";
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.data(), path.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  co_return co_await finish_connect(net::start_connect(address, length), timeout_ms);
}

async::Task<std::string> Connection::finish_connect(base::Result<net::Socket> socket,
                                                    std::uint64_t timeout_ms) {
  if (!socket) {
    const auto colon = socket.error().what.rfind(": ");
    co_return base::to_lower(colon != std::string::npos ? socket.error().what.substr(colon + 2)
                                                        : socket.error().what);
  }
  transport_ = net::Transport(std::move(*socket));
  watch_.start(transport_.fd(), false, true);
  const bool is_connected = co_await writable_.wait(timeout_ms);
  std::string fault;
  if (!is_connected) {
    fault = "timeout";
  } else if (const int error_number = net::connect_error(transport_.fd()); error_number != 0) {
    fault = text_of_errno(error_number);
  }
  if (!fault.empty()) close();
  co_return fault;
}

async::Task<std::string> Connection::handshake(const net::TlsClientContext& context,
                                               const net::TlsClientContext::Start& start,
                                               std::uint64_t timeout_ms) {
  auto session = context.start_session(transport_.fd(), start);
  if (!session) co_return session.error().what;
  transport_.start_tls(std::move(*session));
  const std::uint64_t deadline = loop_.clock().monotonic_ms() + timeout_ms;
  for (;;) {
    const net::IoResult result = transport_.handshake();
    if (result.done()) co_return "";
    if (result.kind != net::IoResult::Kind::kAgain) {
      std::string fault(result.kind == net::IoResult::Kind::kClosed
                            ? "closed"
                            : transport_.error_text(result.error_number));
      close();
      co_return fault;
    }
    const std::uint64_t now = loop_.clock().monotonic_ms();
    bool is_ready = false;
    if (now < deadline) {
      const bool wants_write = transport_.wants_write();
      wants_write ? watch_.want_write(true) : watch_.want_read(true);
      is_ready = co_await (wants_write ? writable_ : readable_).wait(deadline - now);
    }
    if (!is_ready) {
      close();
      co_return "timeout";
    }
  }
}

async::Task<std::string> Connection::fill(std::uint64_t timeout_ms) {
  const std::uint64_t deadline = loop_.clock().monotonic_ms() + timeout_ms;
  for (;;) {
    if (!is_open()) co_return "closed";
    std::array<char, kReadBytes>& scratch = *[] {
      static thread_local std::array<char, kReadBytes> bytes;
      return &bytes;
    }();
    const net::IoResult result = transport_.read(scratch);
    switch (result.kind) {
      case net::IoResult::Kind::kDone:
        in_.append(scratch.data(), result.bytes);
        co_return "";
      case net::IoResult::Kind::kClosed:
        co_return "closed";
      case net::IoResult::Kind::kError:
        co_return std::string(transport_.is_plain()
                                  ? text_of_errno(result.error_number)
                                  : std::string(transport_.error_text(result.error_number)));
      case net::IoResult::Kind::kAgain:
        break;
    }
    const std::uint64_t now = loop_.clock().monotonic_ms();
    if (now >= deadline) co_return "timeout";
    const bool wants_write = transport_.wants_write();
    wants_write ? watch_.want_write(true) : watch_.want_read(true);
    if (!co_await (wants_write ? writable_ : readable_).wait(deadline - now)) {
      if (is_open()) watch_.want_read(false);
      co_return "timeout";
    }
  }
}

async::Task<std::string> Connection::write(std::string_view data, std::uint64_t timeout_ms) {
  while (!data.empty()) {
    if (!is_open()) co_return "closed";
    const iovec one = net::piece(data);
    const net::IoResult result = transport_.write({&one, 1});
    if (result.kind == net::IoResult::Kind::kDone) {
      data.remove_prefix(result.bytes);
      continue;
    }
    if (result.kind == net::IoResult::Kind::kClosed || result.error_number == EPIPE) co_return "closed";
    if (result.kind == net::IoResult::Kind::kError) co_return text_of_errno(result.error_number);
    watch_.want_write(true);
    if (!co_await writable_.wait(timeout_ms)) {
      if (is_open()) watch_.want_write(false);
      co_return "timeout";
    }
  }
  co_return "";
}

void Connection::watch_idle(void (*on_useless)(void* context), void* context) {
  on_useless_ = on_useless;
  idle_context_ = context;
  watch_.want_write(false);
  watch_.want_read(true);
}

void Connection::end_idle() {
  on_useless_ = nullptr;
  watch_.want_read(false);
}

}  // namespace apisix::lua
