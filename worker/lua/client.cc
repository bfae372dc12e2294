// The module gateway.client, for resty.apisix.client: what the client of the request is taken for.
#include "worker/lua/binding.h"
#include "worker/lua/modules.h"
#include "worker/plugin/forwarded_address.h"
#include "worker/plugin/request.h"

namespace apisix::lua {
namespace {

constexpr double kPortMax = 65'535;

// set_real_ip(address [, port])
int set_real_ip(lua_State* lua) {
  const auto address = plugin::parse_forwarded_address(check_text(lua, 1));
  if (!address) return push_error(lua, "invalid real ip");
  const double port = luaL_optnumber(lua, 2, -1);
  if (port > kPortMax) return push_error(lua, "invalid real port");
  auto client = binding_of(lua).request().client();
  client.set_address(address->ip, port < 0 ? client.port() : static_cast<std::uint16_t>(port));
  lua_pushboolean(lua, 1);
  return 1;
}

// set_body_max(bytes): 0: no limit
int set_body_max(lua_State* lua) {
  const double bytes = luaL_checknumber(lua, 1);
  luaL_argcheck(lua, bytes >= 0, 1, "out of range");
  binding_of(lua).request().body().set_bytes_max(static_cast<std::uint64_t>(bytes));
  lua_pushboolean(lua, 1);
  return 1;
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "set_real_ip", set_real_ip);
  set_function(lua, "set_body_max", set_body_max);
  return 1;
}

}  // namespace

void open_client(lua_State* ngx) {
  preload(ngx, "gateway.client", load);
}

}  // namespace apisix::lua
