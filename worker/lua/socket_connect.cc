// connect(): from the pool, or a new connection to one of the name's addresses.
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "shared/base/text.h"
#include "worker/lua/resolve_host.h"
#include "worker/lua/run.h"
#include "worker/lua/socket_tcp.h"

namespace apisix::lua {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

struct Target {
  std::string host;  // "unix:/path" is one
  std::uint16_t port = 0;
  base::Ref<SocketPool> pool = nullptr;  // null: connections are not counted
};

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

std::optional<Address> local_address(std::string_view path) {
  Address address;
  auto& local = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.empty() || path.size() >= sizeof local.sun_path) return std::nullopt;
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.data(), path.size());
  address.length = sizeof(sockaddr_un);
  return address;
}

// A descriptor that connects to `address`, or an errno.
std::expected<net::Socket, int> begin_connect(const Address& address, const std::string& bind_to) {
  const int family = address.storage.ss_family;
  net::Socket socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return std::unexpected(errno);
  const int on = 1;
  if (family != AF_UNIX) ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (const auto own = literal_address(bind_to); own && family != AF_UNIX) {
    sockaddr_storage from{};
    const socklen_t length = own->to_sockaddr(0, from);
    if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&from), length) != 0)
      return std::unexpected(errno);
  }
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0 &&
      errno != EINPROGRESS) {
    return std::unexpected(errno);
  }
  return socket;
}

int finish_connected(lua_State* lua, TcpSocket& socket, base::Ref<SocketConnection> connection,
                     SocketPool* counting) {
  if (counting != nullptr) connection->count_in(*counting);
  socket.connection = std::move(connection);
  socket.read_closed = socket.write_closed = false;
  lua_pushinteger(lua, 1);
  return 1;
}

// Addresses one after the other; the last one's error is the result.
async::Task<int> connect_any(lua_State* lua, base::Ref<TcpSocket> socket, std::vector<Address> addresses,
                             base::Ref<SocketPool> counting) {
  const std::uint64_t timeout_ms = socket->timeouts.connect_ms;
  event::Loop& loop = State::of(lua).loop();
  std::string failure;
  for (const Address& address : addresses) {
    auto begun = begin_connect(address, socket->bind_to);
    if (!begun) {
      failure = socket_error_text(begun.error());
      continue;
    }
    auto connection = base::make_counted<SocketConnection>(loop, std::move(*begun));
    if (!co_await connection->writable(timeout_ms)) {
      failure = "timeout";
      break;
    }
    const int error_number = net::connect_error(connection->transport.fd());
    if (error_number == 0) co_return finish_connected(lua, *socket, std::move(connection), counting.get());
    failure = socket_error_text(error_number);
  }
  co_return push_error(lua, failure);
}

async::Task<int> connect_to(lua_State* lua, base::Ref<TcpSocket> socket, const Target& target) {
  if (target.host.starts_with(kUnixPrefix)) {
    const auto address = local_address(std::string_view(target.host).substr(kUnixPrefix.size()));
    if (!address)
      co_return push_error(lua, fmt::format("failed to parse host name \"{}\": invalid port", target.host));
    co_return co_await connect_any(lua, std::move(socket), {*address}, target.pool);
  }
  std::vector<base::IpAddress> ips;
  if (const auto literal = literal_address(target.host)) {
    ips.push_back(*literal);
  } else {
    HostAddresses found = co_await resolve_host(State::of(lua), target.host, socket->timeouts.connect_ms);
    if (!found.error.empty()) {
      co_return push_error(lua, fmt::format("{} could not be resolved {}", target.host, found.error));
    }
    ips = std::move(found.addresses);
  }
  std::vector<Address> addresses;
  for (const base::IpAddress& ip : ips) {
    Address& address = addresses.emplace_back();
    address.length = ip.to_sockaddr(target.port, address.storage);
  }
  co_return co_await connect_any(lua, std::move(socket), std::move(addresses), target.pool);
}

// Counts a connect that waits for room in a pool, as long as its frame lives.
class Waiting {
 public:
  explicit Waiting(SocketPool& pool) : pool_(pool) { pool_.add_waiting(); }
  ~Waiting() { pool_.remove_waiting(); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  SocketPool& pool_;
};

async::Task<int> connect_when_free(lua_State* lua, base::Ref<TcpSocket> socket, Target target) {
  const Busy busy(socket, &TcpSocket::connecting);
  if (target.pool && target.pool->is_full()) {
    const Waiting waiting(*target.pool);
    while (target.pool->is_full()) {
      if (!co_await target.pool->freed(socket->timeouts.connect_ms)) co_return push_error(lua, "timeout");
    }
    if (auto idle = target.pool->take()) co_return finish_connected(lua, *socket, std::move(idle), nullptr);
  }
  co_return co_await connect_to(lua, std::move(socket), target);
}

// --- arguments

struct Options {
  std::string pool;
  std::optional<std::size_t> size;
  std::optional<std::size_t> backlog;
};

std::optional<std::size_t> size_option(lua_State* lua, int table, const char* name, lua_Number least) {
  std::optional<std::size_t> size;
  lua_getfield(lua, table, name);
  if (lua_isnumber(lua, -1) != 0) {
    const lua_Number number = lua_tonumber(lua, -1);
    if (number < least) {
      lua_pushfstring(lua, "bad \"%s\" option value: %s", name, lua_tostring(lua, -1));
      luaL_argerror(lua, table, lua_tostring(lua, -1));
    }
    size = static_cast<std::size_t>(number);
  } else if (!lua_isnil(lua, -1)) {
    lua_pushfstring(lua, "bad \"%s\" option type: %s", name, luaL_typename(lua, -1));
    luaL_argerror(lua, table, lua_tostring(lua, -1));
  }
  lua_pop(lua, 1);
  return size;
}

Options read_options(lua_State* lua, int table) {
  Options options;
  if (!lua_istable(lua, table)) return options;
  options.size = size_option(lua, table, "pool_size", 1);
  options.backlog = size_option(lua, table, "backlog", 0);
  lua_getfield(lua, table, "pool");
  if (lua_type(lua, -1) == LUA_TSTRING || lua_type(lua, -1) == LUA_TNUMBER) {
    options.pool = lua_tostring(lua, -1);
  } else if (!lua_isnil(lua, -1)) {
    lua_pushfstring(lua, "bad \"pool\" option type: %s", luaL_typename(lua, -1));
    luaL_argerror(lua, table, lua_tostring(lua, -1));
  }
  lua_pop(lua, 1);
  return options;
}

}  // namespace

std::string socket_error_text(int error_number) {
  return base::to_lower(std::strerror(error_number));
}

int tcp_connect(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count < 2 || count > 4) {
    return luaL_error(
        lua, "ngx.socket connect: expecting 2, 3, or 4 arguments (including the object), but seen %d", count);
  }
  check_phase(lua, kWaitingPhases);
  TcpSocket& socket = TcpSocket::check(lua);
  Target target{std::string(check_text(lua, 2))};
  const bool is_local = target.host.starts_with(kUnixPrefix);
  const int options_at = lua_istable(lua, 3) ? 3 : 4;
  if (!is_local) {
    const auto port = luaL_checkinteger(lua, 3);
    if (port < 0 || port > 65535) {
      return push_error(lua, fmt::format("bad port number: {}", static_cast<long>(port)));
    }
    target.port = static_cast<std::uint16_t>(port);
  }
  const Options options = read_options(lua, options_at);
  if (socket.connection) {
    socket.check_owner(lua);
    if (push_if_busy(lua, socket, true, true, true)) return 2;
    socket.close();
  } else if (push_if_busy(lua, socket, true, false, false)) {
    return 2;
  }
  socket.pool = !options.pool.empty() ? options.pool
                : is_local            ? target.host
                                      : fmt::format("{}:{}", target.host, target.port);
  socket.adopt(lua);
  auto& pools = State::of(lua).deps().shared<SocketPools>();
  auto pool = options.size || options.backlog
                  ? pools.get(socket.pool, options.size.value_or(SocketPools::kSizeDefault), options.backlog)
                  : pools.find(socket.pool);
  if (pool) {
    if (auto idle = pool->take()) return finish_connected(lua, socket, std::move(idle), nullptr);
    if (pool->is_full() && !pool->may_wait()) return push_error(lua, "too many waiting connect operations");
    if (pool->has_backlog()) target.pool = std::move(pool);
  }
  return wait(lua, connect_when_free(lua, base::Ref<TcpSocket>(&socket), std::move(target)));
}

}  // namespace apisix::lua
