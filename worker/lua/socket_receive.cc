// receive(), receiveany(), receiveuntil(): a pattern is fed until it has what it wants.
#include <memory>
#include <new>
#include <utility>

#include "worker/lua/limits.h"
#include "worker/lua/run.h"
#include "worker/lua/socket_tcp.h"

namespace apisix::lua {
namespace {

// For one read of the descriptor.
constexpr std::size_t kReadBytes = 16 * 1024;
// When a pattern wants much, and there is much.
constexpr std::size_t kReadBytesMax = 256 * 1024;

// Pushes the results; none: the socket has no more for now.
class Receiving {
 public:
  Receiving(TcpSocket& socket, ReceivePattern pattern) : socket_(socket), pattern_(std::move(pattern)) {}

  std::optional<int> go_on(lua_State* lua) {
    const base::Ref<SocketConnection> connection = socket_.connection;
    std::size_t bytes = kReadBytes;
    if (!connection) return push_error(lua, "closed");
    for (;;) {
      if (const auto taken = pattern_.take(connection->buffer)) {
        push(lua, *taken);
        return 1;
      }
      if (connection->buffer.size() > kReceiveBytesMax) return fail(lua, "too many bytes");
      const net::IoResult result = connection->read(bytes);
      if (result.kind == net::IoResult::Kind::kAgain) return std::nullopt;
      if (!result.done()) return end(lua, result);
      if (result.bytes == bytes) bytes = std::min(bytes * 2, kReadBytesMax);
    }
  }

  // The connection stays: the next call goes on. What had come is the third result.
  int time_out(lua_State* lua) {
    push_error(lua, "timeout");
    push(lua, socket_.connection ? pattern_.take_rest(socket_.connection->buffer) : std::string_view());
    return 3;
  }

 private:
  int end(lua_State* lua, const net::IoResult& result) {
    if (result.kind == net::IoResult::Kind::kClosed && pattern_.kind() == ReceivePattern::Kind::kAll) {
      push(lua, pattern_.take_rest(socket_.connection->buffer));
      close();
      return 1;
    }
    const bool is_end =
        result.kind == net::IoResult::Kind::kClosed || !socket_.connection->transport.is_plain();
    return fail(lua, is_end ? "closed" : socket_error_text(result.error_number));
  }

  int fail(lua_State* lua, std::string_view what) {
    push_error(lua, what);
    push(lua, pattern_.take_rest(socket_.connection->buffer));
    close();
    return 3;
  }

  // A coroutine that writes may go on.
  void close() {
    socket_.read_closed = true;
    if (!socket_.writing) socket_.close();
  }

  TcpSocket& socket_;
  ReceivePattern pattern_;
};

async::Task<int> receive_rest(lua_State* lua, base::Ref<TcpSocket> socket,
                              std::unique_ptr<Receiving> receiving) {
  const Busy busy(socket, &TcpSocket::reading);
  const base::Ref<SocketConnection> connection = socket->connection;
  for (;;) {
    if (!co_await connection->ready_to_read(socket->timeouts.read_ms)) co_return receiving->time_out(lua);
    if (const auto results = receiving->go_on(lua)) co_return *results;
  }
}

int receive(lua_State* lua, TcpSocket& socket, ReceivePattern pattern) {
  Receiving receiving(socket, std::move(pattern));
  if (const auto results = receiving.go_on(lua)) return *results;
  return wait(lua, receive_rest(lua, base::Ref<TcpSocket>(&socket),
                                std::make_unique<Receiving>(std::move(receiving))));
}

// False, with the error pushed: it cannot be read from now.
bool may_read(lua_State* lua, const TcpSocket& socket) {
  if (socket.to_read() == nullptr) {
    push_error(lua, "closed");
    return false;
  }
  socket.check_owner(lua);
  return !push_if_busy(lua, socket, true, true, false);
}

ReceivePattern check_pattern(lua_State* lua) {
  if (lua_isnoneornil(lua, 2)) return ReceivePattern::line();
  if (lua_isnumber(lua, 2) != 0) {
    const lua_Integer bytes = lua_tointeger(lua, 2);
    if (bytes < 0) luaL_argerror(lua, 2, "bad pattern argument");
    return ReceivePattern::size(static_cast<std::size_t>(bytes));
  }
  const std::string_view name = check_text(lua, 2);
  if (name == "*l") return ReceivePattern::line();
  if (name == "*a") return ReceivePattern::all();
  lua_pushfstring(lua, "bad pattern argument: %s", lua_tostring(lua, 2));
  luaL_argerror(lua, 2, lua_tostring(lua, -1));
  return ReceivePattern::line();
}

constexpr const char* kUntil = "gateway.tcp.until";

int collect_until(lua_State* lua) {
  using Handle = std::shared_ptr<UntilPattern>;
  static_cast<Handle*>(lua_touserdata(lua, 1))->~Handle();
  return 0;
}

// The iterator of receiveuntil(); upvalues: the socket, its pattern. The socket becomes its first argument.
int receive_next(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count > 1) return luaL_error(lua, "expecting 0 or 1 argument, but got %d", count);
  lua_Integer bytes = count == 1 ? luaL_checkinteger(lua, 1) : 0;
  if (bytes < 0) bytes = 0;
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  TcpSocket& socket = TcpSocket::check(lua);
  if (!may_read(lua, socket)) return 2;
  const auto& pattern =
      *static_cast<std::shared_ptr<UntilPattern>*>(lua_touserdata(lua, lua_upvalueindex(2)));
  if (std::exchange(pattern->ended, false)) {
    for (int i = 0; i < 3; ++i) lua_pushnil(lua);
    return 3;
  }
  return receive(lua, socket, ReceivePattern::until(pattern, static_cast<std::size_t>(bytes)));
}

bool is_inclusive(lua_State* lua) {
  if (lua_gettop(lua) < 3) return false;
  luaL_checktype(lua, 3, LUA_TTABLE);
  lua_getfield(lua, 3, "inclusive");
  if (!lua_isnil(lua, -1) && !lua_isboolean(lua, -1)) {
    luaL_error(lua, "bad \"inclusive\" option value type: %s", luaL_typename(lua, -1));
  }
  const bool inclusive = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  return inclusive;
}

}  // namespace

int tcp_receive(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count != 1 && count != 2) {
    return luaL_error(lua, "expecting 1 or 2 arguments (including the object), but got %d", count);
  }
  TcpSocket& socket = TcpSocket::check(lua);
  if (!may_read(lua, socket)) return 2;
  return receive(lua, socket, check_pattern(lua));
}

int tcp_receive_any(lua_State* lua) {
  if (const int count = lua_gettop(lua); count != 2) {
    return luaL_error(lua, "expecting 2 arguments (including the object), but got %d", count);
  }
  TcpSocket& socket = TcpSocket::check(lua);
  if (lua_isnumber(lua, 2) == 0) return luaL_argerror(lua, 2, "bad max argument");
  const lua_Integer bytes = lua_tointeger(lua, 2);
  if (bytes <= 0) return luaL_argerror(lua, 2, "bad max argument");
  if (!may_read(lua, socket)) return 2;
  return receive(lua, socket, ReceivePattern::any(static_cast<std::size_t>(bytes)));
}

int tcp_receive_until(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count != 2 && count != 3) {
    return luaL_error(lua, "expecting 2 or 3 arguments (including the object), but got %d", count);
  }
  TcpSocket::check(lua);
  const std::string_view text = check_text(lua, 2);
  const bool inclusive = is_inclusive(lua);
  if (text.empty()) return push_error(lua, "pattern is empty");
  lua_pushvalue(lua, 1);
  void* const place = lua_newuserdata(lua, sizeof(std::shared_ptr<UntilPattern>));
  auto pattern = std::make_shared<UntilPattern>();
  pattern->text = text;
  pattern->inclusive = inclusive;
  new (place) std::shared_ptr<UntilPattern>(std::move(pattern));
  if (luaL_newmetatable(lua, kUntil) != 0) set_function(lua, "__gc", collect_until);
  lua_setmetatable(lua, -2);
  lua_pushcclosure(lua, receive_next, 2);
  return 1;
}

}  // namespace apisix::lua
