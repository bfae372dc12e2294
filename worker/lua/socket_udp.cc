// ngx.socket.udp(): a datagram socket that is connected to one peer.
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "shared/async/signal.h"
#include "shared/event/io_watch.h"
#include "shared/net/socket.h"
#include "worker/lua/modules.h"
#include "worker/lua/resolve_host.h"
#include "worker/lua/run.h"
#include "worker/lua/socket_tcp.h"
#include "worker/lua/socket_text.h"

namespace apisix::lua {
namespace {

constexpr std::uint64_t kDefaultMs = 60'000;
constexpr std::size_t kReceiveDefault = 8192;
constexpr std::size_t kDatagramMax = 65'536;
constexpr std::string_view kUnixPrefix = "unix:";
constexpr const char* kMethods = "gateway.udp.methods";
constexpr const char* kHandle = "gateway.udp.handle";

class Descriptor : public base::Counted<Descriptor> {
 public:
  Descriptor(event::Loop& loop, net::Socket socket)
      : socket_(std::move(socket)),
        watch_(
            loop,
            [](void* self, bool, bool) {
              static_cast<Descriptor*>(self)->watch_.want_read(false);
              static_cast<Descriptor*>(self)->readable_.notify();
            },
            this),
        readable_(loop) {
    watch_.start(socket_.fd(), false, false);
  }
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  int fd() const { return socket_.fd(); }
  async::Signal::Wait readable(std::uint64_t timeout_ms) {
    watch_.want_read(true);
    return readable_.wait(timeout_ms);
  }
  void close() {
    watch_.stop();
    socket_.close();
  }

 private:
  net::Socket socket_;
  event::IoWatch watch_;
  async::Signal readable_;
};

class UdpSocket : public base::Counted<UdpSocket>, public RequestSocket {
 public:
  UdpSocket() = default;
  UdpSocket& operator=(const UdpSocket&) = delete;
  void end_with_request() override { close(); }
  void close() {
    if (descriptor) std::exchange(descriptor, nullptr)->close();
  }

  static UdpSocket& check(lua_State* lua) {
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_rawgeti(lua, 1, 1);
    auto* const handle = static_cast<base::Ref<UdpSocket>*>(luaL_checkudata(lua, -1, kHandle));
    lua_pop(lua, 1);
    return **handle;
  }

  base::Ref<Descriptor> descriptor;
  std::uint64_t timeout_ms = kDefaultMs;
  bool waiting = false;
};

class Waiting {
 public:
  explicit Waiting(base::Ref<UdpSocket> socket) : socket_(std::move(socket)) { socket_->waiting = true; }
  ~Waiting() { socket_->waiting = false; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  const base::Ref<UdpSocket> socket_;
};

int push_one(lua_State* lua) {
  lua_pushinteger(lua, 1);
  return 1;
}

int open_to(lua_State* lua, UdpSocket& socket, const sockaddr_storage& address, socklen_t length) {
  net::Socket made(::socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made.is_open()) return push_error(lua, socket_error_text(errno));
  if (address.ss_family == AF_UNIX) {
    // An address of its own, or the peer has none to send to (unix(7), autobind).
    const sa_family_t family = AF_UNIX;
    if (::bind(made.fd(), reinterpret_cast<const sockaddr*>(&family), sizeof family) != 0)
      return push_error(lua, socket_error_text(errno));
  }
  if (::connect(made.fd(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    return push_error(lua, socket_error_text(errno));
  socket.descriptor = base::make_counted<Descriptor>(State::of(lua).loop(), std::move(made));
  return push_one(lua);
}

int open_to(lua_State* lua, UdpSocket& socket, const base::IpAddress& ip, std::uint16_t port) {
  sockaddr_storage address{};
  const socklen_t length = ip.to_sockaddr(port, address);
  return open_to(lua, socket, address, length);
}

async::Task<int> open_named(lua_State* lua, base::Ref<UdpSocket> socket, std::string host,
                            std::uint16_t port) {
  const Waiting waiting(socket);
  const HostAddresses found = co_await resolve_host(State::of(lua), host, socket->timeout_ms);
  if (!found.error.empty()) {
    co_return push_error(lua, fmt::format("{} could not be resolved {}", host, found.error));
  }
  co_return open_to(lua, *socket, found.addresses.front(), port);
}

int set_peer_name(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count != 2 && count != 3) {
    return luaL_error(
        lua, "ngx.socket.udp setpeername: expecting 2 or 3 arguments (including the object), but seen %d",
        count);
  }
  check_phase(lua, kWaitingPhases);
  UdpSocket& socket = UdpSocket::check(lua);
  const std::string_view host = check_text(lua, 2);
  if (socket.waiting) return push_error(lua, "socket busy");
  if (socket.descriptor) {
    socket.check_owner(lua);
    socket.close();
  }
  socket.adopt(lua);
  if (host.starts_with(kUnixPrefix)) {
    sockaddr_storage address{};
    auto& local = reinterpret_cast<sockaddr_un&>(address);
    const std::string_view path = host.substr(kUnixPrefix.size());
    if (path.empty() || path.size() >= sizeof local.sun_path) {
      return push_error(lua, fmt::format("failed to parse host name \"{}\": invalid path", host));
    }
    local.sun_family = AF_UNIX;
    std::memcpy(local.sun_path, path.data(), path.size());
    return open_to(lua, socket, address, sizeof(sockaddr_un));
  }
  const lua_Integer port = luaL_checkinteger(lua, 3);
  if (port < 0 || port > 65535)
    return push_error(lua, fmt::format("bad port number: {}", static_cast<long>(port)));
  if (const auto ip = literal_address(host))
    return open_to(lua, socket, *ip, static_cast<std::uint16_t>(port));
  return wait(lua, open_named(lua, base::Ref<UdpSocket>(&socket), std::string(host),
                              static_cast<std::uint16_t>(port)));
}

int send(lua_State* lua) {
  if (const int count = lua_gettop(lua); count != 2) {
    return luaL_error(lua, "expecting 2 arguments (including the object), but got %d", count);
  }
  UdpSocket& socket = UdpSocket::check(lua);
  if (!socket.descriptor) return push_error(lua, "closed");
  socket.check_owner(lua);
  std::string data;
  append_text(lua, 2, 2, data);
  if (::send(socket.descriptor->fd(), data.data(), data.size(), MSG_NOSIGNAL) < 0) {
    return push_error(lua, socket_error_text(errno));
  }
  return push_one(lua);
}

// None: nothing has come.
std::optional<int> receive_now(lua_State* lua, const Descriptor& descriptor, std::size_t bytes_max) {
  static std::array<char, kDatagramMax> datagram;
  const ssize_t got = ::recv(descriptor.fd(), datagram.data(), bytes_max, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (got < 0) return push_error(lua, socket_error_text(errno));
  push(lua, std::string_view(datagram.data(), static_cast<std::size_t>(got)));
  return 1;
}

async::Task<int> receive_later(lua_State* lua, base::Ref<UdpSocket> socket, std::size_t bytes_max) {
  const Waiting waiting(socket);
  const base::Ref<Descriptor> descriptor = socket->descriptor;
  for (;;) {
    if (!co_await descriptor->readable(socket->timeout_ms)) co_return push_error(lua, "timeout");
    if (const auto results = receive_now(lua, *descriptor, bytes_max)) co_return *results;
  }
}

int receive(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count != 1 && count != 2) {
    return luaL_error(lua, "expecting 1 or 2 arguments (including the object), but got %d", count);
  }
  UdpSocket& socket = UdpSocket::check(lua);
  if (!socket.descriptor) return push_error(lua, "closed");
  socket.check_owner(lua);
  if (socket.waiting) return push_error(lua, "socket busy");
  const lua_Integer asked = luaL_optinteger(lua, 2, static_cast<lua_Integer>(kReceiveDefault));
  const std::size_t bytes_max = asked < 0 ? 0 : std::min(static_cast<std::size_t>(asked), kDatagramMax);
  if (const auto results = receive_now(lua, *socket.descriptor, bytes_max)) return *results;
  return wait(lua, receive_later(lua, base::Ref<UdpSocket>(&socket), bytes_max));
}

int set_timeout(lua_State* lua) {
  if (const int count = lua_gettop(lua); count != 2) {
    return luaL_error(lua, "ngx.socket settimeout: expecting 2 arguments (including the object) but seen %d",
                      count);
  }
  const lua_Number ms = luaL_checknumber(lua, 2);
  UdpSocket::check(lua).timeout_ms = ms > 0 ? static_cast<std::uint64_t>(ms) : kDefaultMs;
  return 0;
}

int close(lua_State* lua) {
  UdpSocket& socket = UdpSocket::check(lua);
  if (!socket.descriptor) return push_error(lua, "closed");
  socket.check_owner(lua);
  if (socket.waiting) return push_error(lua, "socket busy");
  socket.close();
  return push_one(lua);
}

int collect(lua_State* lua) {
  using Handle = base::Ref<UdpSocket>;
  static_cast<Handle*>(lua_touserdata(lua, 1))->~Handle();
  return 0;
}

int make_udp(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  lua_createtable(lua, 3, 1);
  auto* const handle = lua_newuserdata(lua, sizeof(base::Ref<UdpSocket>));
  new (handle) base::Ref<UdpSocket>(new UdpSocket());
  luaL_getmetatable(lua, kHandle);
  lua_setmetatable(lua, -2);
  lua_rawseti(lua, -2, 1);
  luaL_getmetatable(lua, kMethods);
  lua_setmetatable(lua, -2);
  return 1;
}

}  // namespace

void add_udp(lua_State* lua) {
  luaL_newmetatable(lua, kHandle);
  set_function(lua, "__gc", collect);
  lua_pop(lua, 1);
  luaL_newmetatable(lua, kMethods);
  set_function(lua, "setpeername", set_peer_name);
  set_function(lua, "send", send);
  set_function(lua, "receive", receive);
  set_function(lua, "settimeout", set_timeout);
  set_function(lua, "close", close);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 1);
  set_function(lua, "udp", make_udp);
}

}  // namespace apisix::lua
