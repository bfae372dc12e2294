// The functions of all endpoints, by subject. Paths and methods are in the table of control_service.cc;
// shapes and errors in docs/CONTROL_API.md.
#pragma once

#include "worker/control/endpoint.h"

namespace apisix::lua {
struct LuaApi;
}

namespace apisix::control {

using ResponseTask = async::Task<proxy::LocalResponse>;

// --- schema.cc
ResponseTask schema(const Call& call);
// --- health.cc
ResponseTask health_of_all(const Call& call);
ResponseTask health_of_one(const Call& call);
// --- objects.cc
ResponseTask routes(const Call& call);
ResponseTask route(const Call& call);
ResponseTask services(const Call& call);
ResponseTask service(const Call& call);
ResponseTask upstreams(const Call& call);
ResponseTask upstream(const Call& call);
// --- metadata.cc
ResponseTask plugin_metadatas(const Call& call);
ResponseTask plugin_metadata(const Call& call);
// --- rejected.cc
ResponseTask rejected(const Call& call);
// --- process.cc
ResponseTask collect_garbage(const Call& call);
ResponseTask reload_plugins(const Call& call);
ResponseTask server_info(const Call& call);
// --- diagnose.cc
ResponseTask explain(const Call& call);
ResponseTask lint(const Call& call);
// --- status.cc
ResponseTask status(const Call& call);
// --- lua.cc
ResponseTask lua_state(const Call& call);

// --- control_api() of plugins in Lua
// Null: none has the path under this method.
const lua::LuaApi* find_script(const Deps& deps, const proxy::LocalRequest& request);
async::Task<proxy::LocalResponse> serve_script(const lua::LuaApi& api, const proxy::LocalRequest& request);

}  // namespace apisix::control
