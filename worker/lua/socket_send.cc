// send(): all of it, or an error that closes the socket.
#include <array>
#include <utility>

#include "worker/lua/run.h"
#include "worker/lua/socket_tcp.h"
#include "worker/lua/socket_text.h"

namespace apisix::lua {
namespace {

// What could be written at once; an error's text otherwise.
struct Sent {
  std::size_t bytes = 0;
  std::string failure = {};
};

Sent send_some(SocketConnection& connection, std::string_view bytes) {
  Sent sent;
  while (sent.bytes < bytes.size()) {
    const std::array pieces{net::piece(bytes.substr(sent.bytes))};
    const net::IoResult result = connection.transport.write(pieces);
    if (result.kind == net::IoResult::Kind::kAgain) break;
    if (!result.done()) {
      const bool is_broken = result.error_number == EPIPE || result.error_number == 0;
      sent.failure = is_broken ? "closed" : socket_error_text(result.error_number);
      break;
    }
    sent.bytes += result.bytes;
  }
  return sent;
}

int push_sent(lua_State* lua, std::size_t bytes) {
  lua_pushinteger(lua, static_cast<lua_Integer>(bytes));
  return 1;
}

int push_failed(lua_State* lua, TcpSocket& socket, std::string_view failure) {
  socket.write_closed = true;
  // A coroutine that reads may go on: what was received is still good.
  if (!socket.reading) socket.close();
  return push_error(lua, failure);
}

// `kept` owns the bytes, unless they are the text that was passed.
async::Task<int> send_rest(lua_State* lua, base::Ref<TcpSocket> socket, std::string kept,
                           std::string_view rest, std::size_t total) {
  const Busy busy(socket, &TcpSocket::writing);
  const base::Ref<SocketConnection> connection = socket->connection;
  if (!kept.empty()) rest = kept;
  while (!rest.empty()) {
    if (!co_await connection->writable(socket->timeouts.send_ms))
      co_return push_failed(lua, *socket, "timeout");
    const Sent sent = send_some(*connection, rest);
    if (!sent.failure.empty()) co_return push_failed(lua, *socket, sent.failure);
    rest.remove_prefix(sent.bytes);
  }
  co_return push_sent(lua, total);
}

}  // namespace

int tcp_send(lua_State* lua) {
  if (const int count = lua_gettop(lua); count != 2) {
    return luaL_error(lua, "expecting 2 arguments (including the object), but got %d", count);
  }
  TcpSocket& socket = TcpSocket::check(lua);
  if (socket.to_write() == nullptr) return push_error(lua, "closed");
  socket.check_owner(lua);
  if (push_if_busy(lua, socket, true, false, true)) return 2;
  std::string joined;
  std::string_view bytes;
  if (lua_type(lua, 2) == LUA_TSTRING) {
    bytes = text_at(lua, 2);
  } else {
    append_text(lua, 2, 2, joined);
    bytes = joined;
  }
  const Sent sent = send_some(*socket.connection, bytes);
  if (!sent.failure.empty()) return push_failed(lua, socket, sent.failure);
  if (sent.bytes == bytes.size()) return push_sent(lua, sent.bytes);
  const std::size_t total = bytes.size();
  joined.erase(0, joined.empty() ? 0 : sent.bytes);
  return wait(
      lua, send_rest(lua, base::Ref<TcpSocket>(&socket), std::move(joined), bytes.substr(sent.bytes), total));
}

}  // namespace apisix::lua
