// TcpSocket: what is behind a socket of ngx.socket.tcp(). In Lua it is a table with this as its userdata, as
// in OpenResty: libraries look at type(sock) and add fields.
//
//   closed --connect()--> connecting --> connected --close(), setkeepalive(), an error--> closed
//
// While it is connected it belongs to the request that connected it, and is closed with it; another request
// that uses it gets "bad request". One coroutine may read while another one writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/counted.h"
#include "shared/base/link.h"
#include "worker/lua/lua.h"
#include "worker/lua/socket_pool.h"

namespace apisix::lua {

// Closes the sockets of one request at its end. Kept in the request.
class RequestSockets {
 public:
  RequestSockets() = default;
  ~RequestSockets();
  RequestSockets(const RequestSockets&) = delete;
  RequestSockets& operator=(const RequestSockets&) = delete;

  void add(base::Link& member) { members_.append(member); }

 private:
  base::Link members_{base::Link::Head{}};
};

struct SocketTimeouts {
  std::uint64_t connect_ms = 60'000;
  std::uint64_t send_ms = 60'000;
  std::uint64_t read_ms = 60'000;
};

// Something that is closed with its request.
class RequestSocket : public base::Link {
 public:
  virtual ~RequestSocket() = default;
  virtual void end_with_request() = 0;

  // Belongs to what runs on this coroutine from now on.
  void adopt(lua_State* lua);
  // Raises "bad request" when it belongs to another one.
  void check_owner(lua_State* lua) const;

 private:
  friend class RequestSockets;
  RequestSockets* owner_ = nullptr;  // null: nothing that has a request
};

class TcpSocket : public base::Counted<TcpSocket>, public RequestSocket {
 public:
  TcpSocket() = default;
  TcpSocket& operator=(const TcpSocket&) = delete;
  void end_with_request() override { close(); }

  // The first argument, which is a socket's table.
  static TcpSocket& check(lua_State* lua);
  // Null: not connected, or no more to be read (written).
  SocketConnection* to_read() const { return read_closed ? nullptr : connection.get(); }
  SocketConnection* to_write() const { return write_closed ? nullptr : connection.get(); }
  void close();

  base::Ref<SocketConnection> connection;
  SocketTimeouts timeouts;
  std::string pool;         // its name
  std::string bind_to;      // bind()
  std::string certificate;  // setclientcert()
  std::string key;
  bool connecting = false;
  bool reading = false;
  bool writing = false;
  bool read_closed = false;
  bool write_closed = false;
};

// Sets a flag of a socket for as long as a coroutine waits.
class Busy {
 public:
  Busy(base::Ref<TcpSocket> socket, bool TcpSocket::* flag) : socket_(std::move(socket)), flag_(flag) {
    (*socket_).*flag_ = true;
  }
  ~Busy() { (*socket_).*flag_ = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  const base::Ref<TcpSocket> socket_;
  bool TcpSocket::* const flag_;
};

// "connection refused": how nginx writes errno.
std::string socket_error_text(int error_number);

// --- methods, one file for each kind
int tcp_connect(lua_State* lua);
int tcp_send(lua_State* lua);
int tcp_receive(lua_State* lua);
int tcp_receive_any(lua_State* lua);
int tcp_receive_until(lua_State* lua);
int tcp_ssl_handshake(lua_State* lua);
int tcp_set_client_cert(lua_State* lua);
int tcp_set_keepalive(lua_State* lua);
// What they need of a State.
void open_socket_tls(lua_State* lua);
// ngx.socket.udp into the table on top.
void add_udp(lua_State* lua);
// nil, "socket busy ..." and true: another coroutine is at it.
bool push_if_busy(lua_State* lua, const TcpSocket& socket, bool connecting, bool reading, bool writing);

}  // namespace apisix::lua
