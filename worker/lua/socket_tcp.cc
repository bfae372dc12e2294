#include "worker/lua/socket_tcp.h"

#include <new>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "worker/lua/binding.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"

namespace apisix::lua {
namespace {

constexpr std::uint64_t kDefaultMs = 60'000;  // lua_socket_*_timeout, lua_socket_keepalive_timeout

// The metatable of sockets' tables, and that of the userdata in them.
constexpr const char* kMethods = "gateway.tcp.methods";
constexpr const char* kHandle = "gateway.tcp.handle";

RequestSockets* sockets_of(lua_State* lua) {
  static constexpr char kKey = 0;
  Binding* const binding = Run::of(lua).binding();
  return binding != nullptr ? &binding->state().kept<RequestSockets>(&kKey) : nullptr;
}

int collect(lua_State* lua) {
  using Handle = base::Ref<TcpSocket>;
  static_cast<Handle*>(lua_touserdata(lua, 1))->~Handle();
  return 0;
}

int make_tcp(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  if (const int count = lua_gettop(lua); count != 0) {
    return luaL_error(lua, "expecting zero arguments, but got %d", count);
  }
  lua_createtable(lua, 3, 1);
  auto* const handle = lua_newuserdata(lua, sizeof(base::Ref<TcpSocket>));
  new (handle) base::Ref<TcpSocket>(new TcpSocket());
  luaL_getmetatable(lua, kHandle);
  lua_setmetatable(lua, -2);
  lua_rawseti(lua, -2, 1);
  luaL_getmetatable(lua, kMethods);
  lua_setmetatable(lua, -2);
  return 1;
}

// ngx.socket.connect(host, port): a socket that is connected.
constexpr const char* kConnect = R"lua(
local tcp = ...
return function(...)
  local sock = tcp()
  local ok, err = sock:connect(...)
  if not ok then return nil, err end
  return sock
end
)lua";

std::uint64_t check_timeout(lua_State* lua, int index) {
  const lua_Number ms = luaL_checknumber(lua, index);
  if (!(ms < 2147483648.0)) luaL_error(lua, "bad timeout value");
  return ms > 0 ? static_cast<std::uint64_t>(ms) : kDefaultMs;
}

int set_timeout(lua_State* lua) {
  if (const int count = lua_gettop(lua); count != 2) {
    return luaL_error(lua, "ngx.socket settimeout: expecting 2 arguments (including the object) but seen %d",
                      count);
  }
  TcpSocket& socket = TcpSocket::check(lua);
  const std::uint64_t ms = check_timeout(lua, 2);
  socket.timeouts = {ms, ms, ms};
  return 0;
}

int set_timeouts(lua_State* lua) {
  if (const int count = lua_gettop(lua); count != 4) {
    return luaL_error(lua, "ngx.socket settimeouts: expecting 4 arguments (including the object) but seen %d",
                      count);
  }
  TcpSocket& socket = TcpSocket::check(lua);
  socket.timeouts = {check_timeout(lua, 2), check_timeout(lua, 3), check_timeout(lua, 4)};
  return 0;
}

int close(lua_State* lua) {
  if (lua_gettop(lua) != 1)
    return luaL_error(lua, "expecting 1 argument (including the object) but seen %d", lua_gettop(lua));
  TcpSocket& socket = TcpSocket::check(lua);
  if (!socket.connection) return push_error(lua, "closed");
  socket.check_owner(lua);
  if (push_if_busy(lua, socket, true, true, true)) return 2;
  socket.close();
  lua_pushinteger(lua, 1);
  return 1;
}

int shutdown(lua_State* lua) {
  TcpSocket& socket = TcpSocket::check(lua);
  const std::string_view how = check_text(lua, 2);
  if (how != "send") return luaL_error(lua, "ngx.socket shutdown: expecting \"send\" as the direction");
  if (socket.to_write() == nullptr) return push_error(lua, socket.connection ? "already shutdown" : "closed");
  socket.check_owner(lua);
  if (push_if_busy(lua, socket, true, false, true)) return 2;
  socket.connection->transport.shutdown_write();
  socket.write_closed = true;
  lua_pushinteger(lua, 1);
  return 1;
}

int reused_times(lua_State* lua) {
  const TcpSocket& socket = TcpSocket::check(lua);
  if (!socket.connection) return push_error(lua, "closed");
  lua_pushinteger(lua, static_cast<lua_Integer>(socket.connection->reused));
  return 1;
}

int descriptor(lua_State* lua) {
  const TcpSocket& socket = TcpSocket::check(lua);
  if (!socket.connection) return push_error(lua, "closed");
  lua_pushinteger(lua, socket.connection->transport.fd());
  return 1;
}

int bind_to(lua_State* lua) {
  TcpSocket::check(lua).bind_to = check_text(lua, 2);
  lua_pushinteger(lua, 1);
  return 1;
}

struct Option {
  int level;
  int name;
};

std::optional<Option> option_of(std::string_view name) {
  if (name == "keepalive") return Option{SOL_SOCKET, SO_KEEPALIVE};
  if (name == "reuseaddr") return Option{SOL_SOCKET, SO_REUSEADDR};
  if (name == "tcp-nodelay") return Option{IPPROTO_TCP, TCP_NODELAY};
  if (name == "sndbuf") return Option{SOL_SOCKET, SO_SNDBUF};
  if (name == "rcvbuf") return Option{SOL_SOCKET, SO_RCVBUF};
  return std::nullopt;
}

int set_option(lua_State* lua) {
  const TcpSocket& socket = TcpSocket::check(lua);
  const std::string_view name = check_text(lua, 2);
  const auto option = option_of(name);
  if (!option) return push_error(lua, "unsupported option " + std::string(name));
  const int value =
      lua_isboolean(lua, 3) ? lua_toboolean(lua, 3) : static_cast<int>(luaL_checkinteger(lua, 3));
  if (!socket.connection) return push_error(lua, "closed");
  if (::setsockopt(socket.connection->transport.fd(), option->level, option->name, &value, sizeof value) !=
      0) {
    return push_error(lua, socket_error_text(errno));
  }
  lua_pushinteger(lua, 1);
  return 1;
}

int get_option(lua_State* lua) {
  const TcpSocket& socket = TcpSocket::check(lua);
  const std::string_view name = check_text(lua, 2);
  const auto option = option_of(name);
  if (!option) return push_error(lua, "unsupported option " + std::string(name));
  if (!socket.connection) return push_error(lua, "closed");
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket.connection->transport.fd(), option->level, option->name, &value, &size) != 0) {
    return push_error(lua, socket_error_text(errno));
  }
  lua_pushinteger(lua, value);
  return 1;
}

void make_methods(lua_State* lua) {
  luaL_newmetatable(lua, kHandle);
  set_function(lua, "__gc", collect);
  lua_pop(lua, 1);
  luaL_newmetatable(lua, kMethods);
  constexpr std::pair<const char*, lua_CFunction> kAll[] = {{"connect", tcp_connect},
                                                            {"bind", bind_to},
                                                            {"sslhandshake", tcp_ssl_handshake},
                                                            {"setclientcert", tcp_set_client_cert},
                                                            {"send", tcp_send},
                                                            {"receive", tcp_receive},
                                                            {"receiveany", tcp_receive_any},
                                                            {"receiveuntil", tcp_receive_until},
                                                            {"settimeout", set_timeout},
                                                            {"settimeouts", set_timeouts},
                                                            {"setkeepalive", tcp_set_keepalive},
                                                            {"getreusedtimes", reused_times},
                                                            {"getfd", descriptor},
                                                            {"close", close},
                                                            {"shutdown", shutdown},
                                                            {"setoption", set_option},
                                                            {"getoption", get_option}};
  for (const auto& [name, function] : kAll) set_function(lua, name, function);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 1);
}

}  // namespace

RequestSockets::~RequestSockets() {
  while (members_.is_linked()) {
    auto* const member = static_cast<RequestSocket*>(members_.next());
    member->unlink();
    member->owner_ = nullptr;
    member->end_with_request();
  }
}

void RequestSocket::adopt(lua_State* lua) {
  unlink();
  owner_ = sockets_of(lua);
  if (owner_ != nullptr) owner_->add(*this);
}

void RequestSocket::check_owner(lua_State* lua) const {
  if (owner_ != sockets_of(lua)) luaL_error(lua, "bad request");
}

TcpSocket& TcpSocket::check(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_rawgeti(lua, 1, 1);
  auto* const handle = static_cast<base::Ref<TcpSocket>*>(luaL_checkudata(lua, -1, kHandle));
  lua_pop(lua, 1);
  return **handle;
}

void TcpSocket::close() {
  if (connection) std::exchange(connection, nullptr)->close();
}

bool push_if_busy(lua_State* lua, const TcpSocket& socket, bool connecting, bool reading, bool writing) {
  const char* what = nullptr;
  if (connecting && socket.connecting)
    what = "socket busy connecting";
  else if (reading && socket.reading)
    what = "socket busy reading";
  else if (writing && socket.writing)
    what = "socket busy writing";
  if (what != nullptr) push_error(lua, what);
  return what != nullptr;
}

int tcp_set_keepalive(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count > 3)
    return luaL_error(lua, "expecting 1 to 3 arguments (including the object), but got %d", count);
  TcpSocket& socket = TcpSocket::check(lua);
  const lua_Integer timeout = luaL_optinteger(lua, 2, static_cast<lua_Integer>(kDefaultMs));
  const lua_Integer size = luaL_optinteger(lua, 3, static_cast<lua_Integer>(SocketPools::kSizeDefault));
  if (size < 1) return luaL_error(lua, "bad \"pool_size\" option value: %d", static_cast<int>(size));
  if (socket.to_read() == nullptr || socket.to_write() == nullptr) return push_error(lua, "closed");
  socket.check_owner(lua);
  if (push_if_busy(lua, socket, true, true, true)) return 2;
  SocketConnection& connection = *socket.connection;
  if (!connection.buffer.empty()) return push_error(lua, "unread data in buffer");
  const net::IoResult probed = connection.probe();
  if (probed.done()) return push_error(lua, "connection in dubious state");
  if (probed.kind != net::IoResult::Kind::kAgain) {
    socket.close();
    return push_error(lua, "closed");
  }
  auto& pools = State::of(lua).deps().shared<SocketPools>();
  const auto pool = pools.get(socket.pool, static_cast<std::size_t>(size));
  const auto kept = std::exchange(socket.connection, nullptr);
  pool->keep(*kept, static_cast<std::uint64_t>(timeout < 0 ? 0 : timeout));
  lua_pushinteger(lua, 1);
  return 1;
}

void open_socket_tcp(lua_State* ngx) {
  make_methods(ngx);
  open_socket_tls(ngx);
  lua_newtable(ngx);
  set_function(ngx, "tcp", make_tcp);
  set_function(ngx, "stream", make_tcp);
  if (luaL_loadbuffer(ngx, kConnect, std::char_traits<char>::length(kConnect), "=ngx.socket.connect") != 0)
    lua_error(ngx);
  lua_pushcfunction(ngx, make_tcp);
  lua_call(ngx, 1, 1);
  lua_setfield(ngx, -2, "connect");
  add_udp(ngx);
  lua_setfield(ngx, -2, "socket");
}

}  // namespace apisix::lua
