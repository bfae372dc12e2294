// ngx.socket.tcp: cosockets. The Lua object is a userdata that owns a Connection; its methods wait as any
// other function of the API does.
#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "shared/net/tls_client_contexts.h"
#include "shared/resolve/resolver.h"
#include "worker/lua/connection.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/lua/socket_pools.h"

namespace apisix::lua {
namespace {

constexpr const char* kSocketName = "ngx.socket.tcp";
// lua_socket_*_timeout, lua_socket_keepalive_timeout and lua_socket_pool_size of nginx.
constexpr std::uint64_t kTimeoutMs = 60'000;
constexpr std::uint64_t kKeepaliveMs = 60'000;
constexpr std::size_t kPoolSize = 30;
// What a line or a piece up to a pattern may be long.
constexpr std::size_t kPieceBytesMax = std::size_t{64} << 20;

struct Timeouts {
  std::uint64_t connect_ms = kTimeoutMs;
  std::uint64_t send_ms = kTimeoutMs;
  std::uint64_t read_ms = kTimeoutMs;
};

struct TcpSocket {
  std::unique_ptr<Connection> connection;
  std::string pool;
  std::size_t pool_size = kPoolSize;
  Timeouts timeouts;
  bool is_connecting = false;
  // A session that a script keeps and gives back; contexts resume by themselves.
  net::TlsResumption resumption;
  std::string certificate;
  std::string key;
};

using Socket = std::shared_ptr<TcpSocket>;

Socket& socket_at(lua_State* lua, int index) {
  return *static_cast<Socket*>(luaL_checkudata(lua, index, kSocketName));
}

int collect(lua_State* lua) {
  static_cast<Socket*>(lua_touserdata(lua, 1))->~Socket();
  return 0;
}

std::uint64_t timeout_at(lua_State* lua, int index, std::uint64_t otherwise) {
  if (lua_isnoneornil(lua, index)) return otherwise;
  const double ms = luaL_checknumber(lua, index);
  return ms > 0 ? static_cast<std::uint64_t>(ms) : otherwise;
}

int finish(lua_State* lua, const std::string& fault) {
  if (!fault.empty()) return push_error(lua, fault);
  lua_pushinteger(lua, 1);
  return 1;
}

// --- connecting

// The addresses of a name; the callback resumes who waits.
class Lookup {
 public:
  explicit Lookup(event::Loop& loop)
      : done_(loop), waiter_(resolve::HostWaiter::Callback::of<&Lookup::on_found>(*this)) {}

  async::Task<std::vector<base::IpAddress>> find(resolve::Resolver& resolver, const std::string& host) {
    if (!resolver.resolve(host, waiter_)) co_return std::vector<base::IpAddress>{};
    co_await done_;
    co_return std::move(addresses_);
  }

 private:
  void on_found(const resolve::ResolvedHost& host) {
    if (host.is_usable()) addresses_.assign(host.addresses().begin(), host.addresses().end());
    done_.set(true);
  }

  async::Completion<bool> done_;
  resolve::HostWaiter waiter_;
  std::vector<base::IpAddress> addresses_;
};

async::Task<std::string> connect_host(State& state, Connection& connection, const std::string& host,
                                      std::uint16_t port, std::uint64_t timeout_ms) {
  if (host.starts_with("unix:")) co_return co_await connection.connect_unix(host.substr(5), timeout_ms);
  std::vector<base::IpAddress> addresses;
  if (const auto ip = base::IpAddress::parse(host)) {
    addresses.push_back(*ip);
  } else if (resolve::Resolver* resolver = state.deps().resolver) {
    Lookup lookup(state.loop());
    addresses = co_await lookup.find(*resolver, host);
  }
  if (addresses.empty()) co_return fmt::format("{} could not be resolved (3: Host not found)", host);
  std::string fault;
  for (const base::IpAddress& ip : addresses) {
    fault = co_await connection.connect(ip, port, timeout_ms);
    if (fault.empty()) break;
  }
  co_return fault;
}

async::Task<int> connect_and_push(lua_State* lua, base::Ref<State> state, Socket socket, std::string host,
                                  std::uint16_t port) {
  auto connection = std::make_unique<Connection>(state->loop());
  const std::string fault =
      co_await connect_host(*state, *connection, host, port, socket->timeouts.connect_ms);
  socket->is_connecting = false;
  if (fault.empty()) socket->connection = std::move(connection);
  co_return finish(lua, fault);
}

// {pool = name, pool_size = n} at `index`.
void read_options(lua_State* lua, int index, TcpSocket& socket) {
  if (!lua_istable(lua, index)) return;
  lua_getfield(lua, index, "pool");
  if (lua_isstring(lua, -1) != 0) socket.pool = text_at(lua, -1);
  lua_getfield(lua, index, "pool_size");
  if (lua_isnumber(lua, -1) != 0)
    socket.pool_size = static_cast<std::size_t>(std::max<lua_Integer>(lua_tointeger(lua, -1), 1));
  lua_pop(lua, 2);
}

// connect(host, port, options) or connect("unix:/path", options)
int connect(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  const Socket& socket = socket_at(lua, 1);
  const std::string host(check_text(lua, 2));
  const bool is_unix = host.starts_with("unix:");
  const auto port = is_unix ? lua_Integer{0} : luaL_checkinteger(lua, 3);
  if (port < 0 || port > 65535) {
    return push_error(lua, fmt::format("bad port number: {}", port));
  }
  if (socket->is_connecting) return push_error(lua, "socket busy connecting");
  State& state = State::of(lua);
  socket->connection = nullptr;
  socket->pool = is_unix ? host : fmt::format("{}:{}", host, port);
  read_options(lua, is_unix ? 3 : 4, *socket);
  if (auto reused = state.sockets().take(socket->pool)) {
    socket->connection = std::move(reused);
    lua_pushinteger(lua, 1);
    return 1;
  }
  socket->is_connecting = true;
  return lua::wait(
      lua, connect_and_push(lua, base::Ref<State>(&state), socket, host, static_cast<std::uint16_t>(port)));
}

// --- TLS

async::Task<int> handshake_and_push(lua_State* lua, Socket socket,
                                    base::Ref<const net::TlsClientContext> context, std::string server_name,
                                    bool wants_session) {
  const std::string fault = co_await socket->connection->handshake(
      *context, {.server_name = server_name, .resumption = &socket->resumption}, socket->timeouts.connect_ms);
  if (!fault.empty()) {
    socket->connection = nullptr;
    co_return push_error(lua, fault);
  }
  lua_pushboolean(lua, 1);
  static_cast<void>(wants_session);
  co_return 1;
}

// sslhandshake(reused_session, server_name, verify)
int sslhandshake(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  const Socket& socket = socket_at(lua, 1);
  if (!socket->connection) return push_error(lua, "closed");
  if (socket->connection->is_tls()) {
    lua_pushboolean(lua, 1);
    return 1;
  }
  const std::string name = lua_isstring(lua, 3) != 0 ? std::string(check_text(lua, 3)) : std::string{};
  const plugin::Deps& deps = State::of(lua).deps();
  if (deps.tls_contexts == nullptr) return push_error(lua, "TLS is not available");
  net::TlsClientContext::Options options{.verify = lua_toboolean(lua, 4) != 0,
                                         .ca_file = deps.trusted_certificate,
                                         .sends_name = !name.empty(),
                                         .takes_bare_end = true};
  auto context = socket->certificate.empty()
                     ? deps.tls_contexts->get(options)
                     : deps.tls_contexts->get_showing(std::move(options), socket->certificate, socket->key);
  if (!context) return push_error(lua, context.error().what);
  const bool wants_session = !(lua_isboolean(lua, 2) && lua_toboolean(lua, 2) == 0);
  return lua::wait(lua, handshake_and_push(lua, socket, *context, name, wants_session));
}

// --- sending

void append(lua_State* lua, int index, std::string& out) {
  if (lua_istable(lua, index)) {
    const int count = static_cast<int>(lua_objlen(lua, index));
    for (int i = 1; i <= count; ++i) {
      lua_rawgeti(lua, index, i);
      append(lua, lua_gettop(lua), out);
      lua_pop(lua, 1);
    }
    return;
  }
  if (lua_isnil(lua, index)) {
    out += "nil";
  } else if (lua_isboolean(lua, index)) {
    out += lua_toboolean(lua, index) != 0 ? "true" : "false";
  } else {
    lua_pushvalue(lua, index);
    out += check_text(lua, lua_gettop(lua));
    lua_pop(lua, 1);
  }
}

async::Task<int> send_and_push(lua_State* lua, Socket socket, std::string data) {
  Connection& connection = *socket->connection;
  connection.is_writing = true;
  const std::string fault = co_await connection.write(data, socket->timeouts.send_ms);
  connection.is_writing = false;
  if (!fault.empty()) {
    connection.close();
    co_return push_error(lua, fault);
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(data.size()));
  co_return 1;
}

int send(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  const Socket& socket = socket_at(lua, 1);
  if (!socket->connection || !socket->connection->is_open()) return push_error(lua, "closed");
  if (socket->connection->is_writing) return push_error(lua, "socket busy writing");
  std::string data;
  luaL_checkany(lua, 2);
  append(lua, 2, data);
  return lua::wait(lua, send_and_push(lua, socket, std::move(data)));
}

// --- receiving

// What one receive wants, asked again whenever more has come.
struct Wanted {
  enum class Kind : unsigned char { kLine, kAll, kBytes, kAny, kUntil } kind = Kind::kLine;
  std::size_t bytes = 0;
  std::string pattern;
  bool is_inclusive = false;
};

// The result on top when it is whole: true.
bool push_if_there(lua_State* lua, Connection& connection, const Wanted& wanted) {
  const std::string_view in = connection.buffered();
  switch (wanted.kind) {
    case Wanted::Kind::kLine: {
      const auto end = in.find('\n');
      if (end == in.npos) return false;
      std::string line(in.substr(0, end));
      std::erase(line, '\r');
      push(lua, line);
      connection.take(end + 1);
      return true;
    }
    case Wanted::Kind::kBytes:
      if (in.size() < wanted.bytes) return false;
      push(lua, in.substr(0, wanted.bytes));
      connection.take(wanted.bytes);
      return true;
    case Wanted::Kind::kAny: {
      if (in.empty()) return false;
      const std::size_t bytes = std::min(in.size(), wanted.bytes);
      push(lua, in.substr(0, bytes));
      connection.take(bytes);
      return true;
    }
    case Wanted::Kind::kUntil: {
      const auto at = in.find(wanted.pattern);
      if (at == in.npos) return false;
      push(lua, in.substr(0, at + (wanted.is_inclusive ? wanted.pattern.size() : 0)));
      connection.take(at + wanted.pattern.size());
      return true;
    }
    case Wanted::Kind::kAll:
      return false;
  }
  return false;
}

async::Task<int> receive_and_push(lua_State* lua, Socket socket, Wanted wanted) {
  Connection& connection = *socket->connection;
  connection.is_reading = true;
  std::string fault;
  while (fault.empty() && !push_if_there(lua, connection, wanted)) {
    fault = connection.buffered().size() > kPieceBytesMax
                ? "too long"
                : co_await connection.fill(socket->timeouts.read_ms);
  }
  connection.is_reading = false;
  if (fault.empty()) co_return 1;
  const std::string rest(connection.buffered());
  connection.take(rest.size());
  if (fault != "timeout") connection.close();
  if (fault == "closed" && wanted.kind == Wanted::Kind::kAll) {
    push(lua, rest);
    co_return 1;
  }
  push_error(lua, fault);
  if (wanted.kind == Wanted::Kind::kAny) co_return 2;
  push(lua, rest);
  co_return 3;
}

int receive(lua_State* lua, const Socket& socket, Wanted wanted) {
  check_phase(lua, kWaitingPhases);
  if (!socket->connection || (!socket->connection->is_open() && socket->connection->buffered().empty())) {
    return push_error(lua, "closed");
  }
  if (socket->connection->is_reading) return push_error(lua, "socket busy reading");
  if (push_if_there(lua, *socket->connection, wanted)) return 1;
  return lua::wait(lua, receive_and_push(lua, socket, std::move(wanted)));
}

// receive("*l" | "*a" | bytes)
int receive_call(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  Wanted wanted;
  if (lua_type(lua, 2) == LUA_TNUMBER || (lua_isnumber(lua, 2) != 0 && lua_type(lua, 2) == LUA_TSTRING)) {
    const double bytes = lua_tonumber(lua, 2);
    if (bytes < 0) return luaL_argerror(lua, 2, "bad pattern argument");
    wanted.kind = Wanted::Kind::kBytes;
    wanted.bytes = static_cast<std::size_t>(bytes);
    if (wanted.bytes == 0) {
      push(lua, "");
      return 1;
    }
  } else if (!lua_isnoneornil(lua, 2)) {
    const std::string_view pattern = check_text(lua, 2);
    if (pattern == "*a" || pattern == "a") {
      wanted.kind = Wanted::Kind::kAll;
    } else if (pattern != "*l" && pattern != "l") {
      return luaL_argerror(lua, 2, fmt::format("bad pattern argument: {}", pattern).c_str());
    }
  }
  return receive(lua, socket, std::move(wanted));
}

int receiveany(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  const auto bytes = luaL_checkinteger(lua, 2);
  if (bytes <= 0) return luaL_argerror(lua, 2, "bad max argument");
  return receive(lua, socket,
                 {.kind = Wanted::Kind::kAny, .bytes = static_cast<std::size_t>(bytes), .pattern = {}});
}

// Upvalues: the socket, the pattern, inclusive, is the pattern reached. With a size: the next piece of at
// most that many bytes, then nil.
int receive_until(lua_State* lua) {
  const Socket& socket = *static_cast<Socket*>(lua_touserdata(lua, lua_upvalueindex(1)));
  Wanted wanted{.kind = Wanted::Kind::kUntil,
                .pattern = std::string(text_at(lua, lua_upvalueindex(2))),
                .is_inclusive = lua_toboolean(lua, lua_upvalueindex(3)) != 0};
  return receive(lua, socket, std::move(wanted));
}

int receiveuntil(lua_State* lua) {
  socket_at(lua, 1);
  if (check_text(lua, 2).empty()) return push_error(lua, "pattern is empty");
  bool is_inclusive = false;
  if (lua_istable(lua, 3)) {
    lua_getfield(lua, 3, "inclusive");
    is_inclusive = lua_toboolean(lua, -1) != 0;
  }
  lua_pushvalue(lua, 1);
  lua_pushvalue(lua, 2);
  lua_pushboolean(lua, is_inclusive ? 1 : 0);
  lua_pushcclosure(lua, receive_until, 3);
  return 1;
}

// --- the rest

int settimeout(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  const std::uint64_t ms = timeout_at(lua, 2, kTimeoutMs);
  socket->timeouts = {ms, ms, ms};
  return 0;
}

int settimeouts(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  socket->timeouts = {timeout_at(lua, 2, kTimeoutMs), timeout_at(lua, 3, kTimeoutMs),
                      timeout_at(lua, 4, kTimeoutMs)};
  return 0;
}

int setkeepalive(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  if (!socket->connection || !socket->connection->is_open()) return push_error(lua, "closed");
  if (!socket->connection->buffered().empty()) {
    socket->connection->close();
    return push_error(lua, "unread data in buffer");
  }
  if (socket->connection->is_reading) return push_error(lua, "socket busy reading");
  if (socket->connection->is_writing) return push_error(lua, "socket busy writing");
  const auto idle_ms = luaL_optinteger(lua, 2, static_cast<lua_Integer>(kKeepaliveMs));
  const auto size = luaL_optinteger(lua, 3, static_cast<lua_Integer>(socket->pool_size));
  State::of(lua).sockets().give(socket->pool, std::move(socket->connection),
                                static_cast<std::uint64_t>(std::max<lua_Integer>(idle_ms, 0)),
                                static_cast<std::size_t>(std::max<lua_Integer>(size, 1)));
  lua_pushinteger(lua, 1);
  return 1;
}

int getreusedtimes(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  if (!socket->connection) return push_error(lua, "closed");
  lua_pushinteger(lua, socket->connection->reused);
  return 1;
}

int close(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  if (!socket->connection || !socket->connection->is_open()) return push_error(lua, "closed");
  if (socket->connection->is_reading) return push_error(lua, "socket busy reading");
  if (socket->connection->is_writing) return push_error(lua, "socket busy writing");
  socket->connection->close();
  lua_pushinteger(lua, 1);
  return 1;
}

int shutdown(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  if (!socket->connection || !socket->connection->is_open()) return push_error(lua, "closed");
  socket->connection->shutdown_write();
  lua_pushinteger(lua, 1);
  return 1;
}

int setclientcert(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  socket->certificate = lua_isstring(lua, 2) != 0 ? std::string(check_text(lua, 2)) : std::string{};
  socket->key = lua_isstring(lua, 3) != 0 ? std::string(check_text(lua, 3)) : std::string{};
  lua_pushboolean(lua, 1);
  return 1;
}

int getfd(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  lua_pushinteger(lua, socket->connection ? socket->connection->fd() : -1);
  return 1;
}

int setoption(lua_State* lua) {
  const Socket& socket = socket_at(lua, 1);
  if (!socket->connection || !socket->connection->is_open()) return push_error(lua, "closed");
  const std::string_view name = check_text(lua, 2);
  const int on = lua_toboolean(lua, 3);
  if (name == "keepalive") {
    ::setsockopt(socket->connection->fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  } else if (name == "tcp-nodelay") {
    ::setsockopt(socket->connection->fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  } else if (name != "reuseaddr" && name != "sndbuf" && name != "rcvbuf") {
    return push_error(lua, fmt::format("unsupported option {}", name));
  }
  lua_pushboolean(lua, 1);
  return 1;
}

constexpr std::pair<const char*, lua_CFunction> kMethods[] = {{"connect", connect},
                                                              {"sslhandshake", sslhandshake},
                                                              {"tlshandshake", sslhandshake},
                                                              {"send", send},
                                                              {"receive", receive_call},
                                                              {"receiveany", receiveany},
                                                              {"receiveuntil", receiveuntil},
                                                              {"settimeout", settimeout},
                                                              {"settimeouts", settimeouts},
                                                              {"setkeepalive", setkeepalive},
                                                              {"getreusedtimes", getreusedtimes},
                                                              {"close", close},
                                                              {"shutdown", shutdown},
                                                              {"setclientcert", setclientcert},
                                                              {"getfd", getfd},
                                                              {"setoption", setoption}};

int make_socket(lua_State* lua) {
  new (lua_newuserdata(lua, sizeof(Socket))) Socket(std::make_shared<TcpSocket>());
  if (luaL_newmetatable(lua, kSocketName) != 0) {
    set_function(lua, "__gc", collect);
    lua_newtable(lua);
    for (const auto& [name, method] : kMethods) set_function(lua, name, method);
    lua_setfield(lua, -2, "__index");
  }
  lua_setmetatable(lua, -2);
  return 1;
}

// The object that Lua sees is a table, since libraries put members of their own into it: its methods are
// called with the userdata in its place.
constexpr const char* kWrap = R"lua(
local make, methods = ...
local mt = { __index = {} }
for name, method in pairs(methods) do
    mt.__index[name] = function(self, ...)
        return method(self[1], ...)
    end
end
local function tcp()
    return setmetatable({ make() }, mt)
end
return tcp, function(host, port, options)
    local sock = tcp()
    local ok, err = sock:connect(host, port, options)
    if not ok then
        return nil, err
    end
    return sock
end
)lua";

}  // namespace

void open_socket_tcp(lua_State* ngx) {
  lua_newtable(ngx);
  if (luaL_loadbuffer(ngx, kWrap, std::char_traits<char>::length(kWrap), "=ngx.socket") != 0) lua_error(ngx);
  lua_pushcfunction(ngx, make_socket);
  lua_newtable(ngx);
  for (const auto& [name, method] : kMethods) set_function(ngx, name, method);
  lua_call(ngx, 2, 2);
  lua_setfield(ngx, -3, "connect");
  lua_pushvalue(ngx, -1);
  lua_setfield(ngx, -3, "tcp");
  lua_setfield(ngx, -2, "stream");
  lua_setfield(ngx, -2, "socket");
}

}  // namespace apisix::lua
