// sslhandshake() and setclientcert(): TLS on a connected socket, by the gateway's own contexts.
#include <array>
#include <new>
#include <utility>

#include "shared/net/tls_client_contexts.h"
#include "worker/lua/run.h"
#include "worker/lua/socket_tcp.h"

namespace apisix::lua {
namespace {

constexpr const char* kSession = "gateway.tls.session";

int collect(lua_State* lua) {
  using Handle = base::Ref<KeptSession>;
  static_cast<Handle*>(lua_touserdata(lua, 1))->~Handle();
  return 0;
}

// The session of a later handshake. Runs outside Lua: the metatable is there (open_tls).
int push_session(lua_State* lua, const SocketConnection& connection) {
  if (!connection.session) {
    lua_pushboolean(lua, 1);
    return 1;
  }
  new (lua_newuserdata(lua, sizeof(base::Ref<KeptSession>))) base::Ref<KeptSession>(connection.session);
  luaL_getmetatable(lua, kSession);
  lua_setmetatable(lua, -2);
  return 1;
}

struct VerifyFailure {
  std::string_view text;  // OpenSSL's
  int number;
};
constexpr std::array<VerifyFailure, 8> kVerifyFailures{{{"unable to get issuer certificate", 2},
                                                        {"certificate is not yet valid", 9},
                                                        {"certificate has expired", 10},
                                                        {"self-signed certificate", 18},
                                                        {"self-signed certificate in certificate chain", 19},
                                                        {"unable to get local issuer certificate", 20},
                                                        {"unable to verify the first certificate", 21},
                                                        {"certificate revoked", 23}}};

// As lua-nginx-module says it.
std::string handshake_error(std::string_view what) {
  if (what == "hostname mismatch" || what == "IP address mismatch") return "certificate host mismatch";
  for (const VerifyFailure& failure : kVerifyFailures) {
    if (failure.text == what) return std::to_string(failure.number) + ": " + std::string(what);
  }
  return "handshake failed";
}

async::Task<int> handshake(lua_State* lua, base::Ref<TcpSocket> socket, bool wants_session) {
  const Busy reading(socket, &TcpSocket::reading);
  const Busy writing(socket, &TcpSocket::writing);
  const base::Ref<SocketConnection> connection = socket->connection;
  for (;;) {
    const net::IoResult result = connection->transport.handshake();
    if (result.done()) break;
    if (result.kind != net::IoResult::Kind::kAgain) {
      const std::string failure = handshake_error(connection->transport.error_text(result.error_number));
      socket->close();
      co_return push_error(lua, failure);
    }
    if (!co_await connection->ready_to_read(socket->timeouts.connect_ms)) {
      socket->close();
      co_return push_error(lua, "timeout");
    }
  }
  if (wants_session) co_return push_session(lua, *connection);
  lua_pushboolean(lua, 1);
  co_return 1;
}

base::Result<base::Ref<const net::TlsClientContext>> context_for(const State& state, const TcpSocket& socket,
                                                                 bool verify) {
  const plugin::Deps& deps = state.deps();
  if (deps.tls_contexts == nullptr) return base::invalid("no TLS here");
  net::TlsClientContext::Options options{.verify = verify, .takes_bare_end = true};
  if (verify) options.ca_file = deps.trusted_certificate;
  if (socket.certificate.empty()) return deps.tls_contexts->get(options);
  return deps.tls_contexts->get_showing(options, socket.certificate, socket.key);
}

}  // namespace

int tcp_ssl_handshake(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count < 1 || count > 5) {
    return luaL_error(
        lua, "ngx.socket sslhandshake: expecting 1 ~ 5 arguments (including the object), but seen %d", count);
  }
  TcpSocket& socket = TcpSocket::check(lua);
  check_phase(lua, kWaitingPhases);
  if (socket.to_read() == nullptr || socket.to_write() == nullptr) return push_error(lua, "closed");
  socket.check_owner(lua);
  if (push_if_busy(lua, socket, true, true, true)) return 2;
  SocketConnection& connection = *socket.connection;
  const bool wants_session = !(lua_isboolean(lua, 2) && lua_toboolean(lua, 2) == 0);
  if (!connection.transport.is_plain()) {
    if (wants_session) return push_session(lua, connection);
    lua_pushboolean(lua, 1);
    return 1;
  }
  const std::string name(lua_isnoneornil(lua, 3) ? std::string_view() : check_text(lua, 3));
  const bool verify = lua_toboolean(lua, 4) != 0;
  const auto context = context_for(State::of(lua), socket, verify && !name.empty());
  if (!context) return push_error(lua, context.error().what);
  connection.session = nullptr;
  if (lua_isuserdata(lua, 2) != 0) {
    connection.session = *static_cast<base::Ref<KeptSession>*>(luaL_checkudata(lua, 2, kSession));
  } else if (wants_session) {
    connection.session = base::make_counted<KeptSession>();
  }
  auto session = (*context)->start_session(
      connection.transport.fd(),
      {.server_name = name, .resumption = connection.session ? &connection.session->resumption : nullptr});
  if (!session) return push_error(lua, session.error().what);
  connection.transport.start_tls(std::move(*session));
  return wait(lua, handshake(lua, base::Ref<TcpSocket>(&socket), wants_session));
}

// What ngx.ssl.parse_pem_cert() and parse_pem_priv_key() give: tables with the text.
int tcp_set_client_cert(lua_State* lua) {
  TcpSocket& socket = TcpSocket::check(lua);
  if (lua_isnoneornil(lua, 2) && lua_isnoneornil(lua, 3)) {
    socket.certificate.clear();
    socket.key.clear();
    lua_pushboolean(lua, 1);
    return 1;
  }
  if (!lua_istable(lua, 2) || !lua_istable(lua, 3)) {
    return luaL_error(lua, "bad argument: client certificate and private key must be given together");
  }
  lua_getfield(lua, 2, "pem");
  lua_getfield(lua, 3, "pem");
  socket.certificate = text_at(lua, -2);
  socket.key = text_at(lua, -1);
  lua_pop(lua, 2);
  if (socket.certificate.empty() || socket.key.empty()) return push_error(lua, "bad client pkey type");
  lua_pushboolean(lua, 1);
  return 1;
}

void open_socket_tls(lua_State* ngx) {
  luaL_newmetatable(ngx, kSession);
  set_function(ngx, "__gc", collect);
  lua_pop(ngx, 1);
}

}  // namespace apisix::lua
