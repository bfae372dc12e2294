#include "worker/lua/modules.h"

#include <array>

namespace apisix::lua {
namespace {

using Open = void (*)(lua_State*);

// Each puts what it has into `ngx`.
constexpr auto kNamespaces = std::to_array<Open>({
    open_log,         open_coroutine,     open_request, open_response,   open_cjson,     open_shared_dict,
    open_socket_tcp,  open_consumers,     open_address, open_registered, open_timer,     open_threads,
    open_process,     open_gateway,       open_escape,  open_crypto,     open_digest,    open_time,
    open_constants,   open_regex,         open_var,     open_ctx,        open_resolver,  open_table,
    open_ffi_symbols, open_string,        open_yaml,    open_files,      open_tool_host, open_syntax,
    open_store,       open_native_plugin, open_pipe,    open_client,     open_blocking,
});

}  // namespace

void open_all(lua_State* lua) {
  lua_newtable(lua);
  lua_pushvalue(lua, -1);
  lua_setglobal(lua, "ngx");
  for (const Open open : kNamespaces) open(lua);
  open_embedded(lua);
  lua_pop(lua, 1);
  lua_getglobal(lua, "require");
  lua_pushliteral(lua, "gateway.regex_replace");
  lua_call(lua, 1, 0);
}

void preload(lua_State* lua, const char* name, lua_CFunction loader) {
  lua_getglobal(lua, "package");
  lua_getfield(lua, -1, "preload");
  lua_pushcfunction(lua, loader);
  lua_setfield(lua, -2, name);
  lua_pop(lua, 2);
}

}  // namespace apisix::lua
