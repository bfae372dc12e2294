// What a State opens, in order. One file for each namespace of the API: it has a function open_NAME that puts
// its functions into the `ngx` table, which is on top of the stack (and stays there), or into
// package.preload. modules.cc is the list.
#pragma once

#include "worker/lua/lua.h"

namespace apisix::lua {

void open_all(lua_State* lua);

// package.preload[name] = loader: a module of ours, found before any path.
void preload(lua_State* lua, const char* name, lua_CFunction loader);

// The Lua files of prelude/ and standins/, embedded: "apisix.core.table" is prelude/apisix/core/table.lua.
// Those of the prelude are found before any path; stand-ins for libraries only where the user's paths have
// none.
void open_embedded(lua_State* lua);

// --- one for each file
void open_log(lua_State* ngx);
void open_coroutine(lua_State* ngx);
void open_request(lua_State* ngx);
void open_response(lua_State* ngx);
void open_cjson(lua_State* ngx);
void open_shared_dict(lua_State* ngx);
void open_socket_tcp(lua_State* ngx);
void open_consumers(lua_State* ngx);
void open_address(lua_State* ngx);
void open_resolver(lua_State* ngx);
void open_registered(lua_State* ngx);
void open_syntax(lua_State* ngx);
void open_timer(lua_State* ngx);
void open_threads(lua_State* ngx);
void open_process(lua_State* ngx);
void open_gateway(lua_State* ngx);
void open_table(lua_State* ngx);
void open_escape(lua_State* ngx);
void open_ffi_symbols(lua_State* ngx);
void open_crypto(lua_State* ngx);
void open_digest(lua_State* ngx);
void open_time(lua_State* ngx);
void open_constants(lua_State* ngx);
void open_regex(lua_State* ngx);
void open_string(lua_State* ngx);
void open_var(lua_State* ngx);
void open_ctx(lua_State* ngx);
void open_yaml(lua_State* ngx);
void open_client(lua_State* ngx);
void open_pipe(lua_State* ngx);
void open_native_plugin(lua_State* ngx);
void open_store(lua_State* ngx);
void open_files(lua_State* ngx);
void open_tool_host(lua_State* ngx);
void open_blocking(lua_State* ngx);

}  // namespace apisix::lua
