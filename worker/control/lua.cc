// What Lua costs this worker, and what plugins in Lua offer.
#include "worker/config/registry.h"
#include "worker/control/endpoints.h"
#include "worker/lua/apis.h"
#include "worker/lua/binding.h"
#include "worker/lua/cpu_watch.h"
#include "worker/lua/hook.h"
#include "worker/lua/kinds.h"
#include "worker/lua/runtime.h"
#include "worker/lua/timers.h"
#include "worker/lua/usage.h"
#include "worker/plugin/lua_settings.h"

namespace apisix::control {
namespace {

// Of each plugin that has run.
format::Json usage_of(plugin::Deps& deps) {
  using Number = ::Json::UInt64;
  format::Json out(::Json::objectValue);
  for (const auto& [name, usage] : deps.shared<lua::UsageTable>().all()) {
    format::Json& row = out[name];
    row["runs"] = static_cast<Number>(usage->runs);
    row["errors"] = static_cast<Number>(usage->errors);
    row["stopped"] = static_cast<Number>(usage->stopped);
    row["waits"] = static_cast<Number>(usage->waits);
    row["busy_us"] = static_cast<Number>(usage->busy_ns / 1000);
    row["blocking_calls"] = static_cast<Number>(usage->blocked);
  }
  return out;
}

}  // namespace

// {"in_use", "plugins", "compiles", "memory_bytes", "memory_limit_bytes", "timers": {"pending", "running"},
// "runs", "runs_stopped", "usage": {PLUGIN: {"runs", "errors", "stopped", "waits", "busy_us",
// "blocking_calls"}}}; only the first where nothing has needed Lua yet.
ResponseTask lua_state(const Call& call) {
  plugin::Deps& deps = call.deps.registry.plugin_deps();
  auto& runtime = deps.shared<lua::Runtime>();
  format::Json out(::Json::objectValue);
  out["in_use"] = runtime.is_in_use();
  if (!runtime.is_in_use()) co_return proxy::json_response(200, out);
  auto state = runtime.state();
  format::Json& names = out["plugins"] = format::Json(::Json::arrayValue);
  for (std::string& name : deps.shared<lua::LuaKinds>().names()) names.append(std::move(name));
  out["compiles"] = deps.lua != nullptr && deps.lua->compiles;
  using Number = ::Json::UInt64;
  out["memory_bytes"] = static_cast<Number>((*state)->memory().bytes());
  out["memory_limit_bytes"] = static_cast<Number>((*state)->memory().bytes_max());
  out["timers"]["pending"] = static_cast<Number>((*state)->timers().pending);
  out["timers"]["running"] = static_cast<Number>((*state)->timers().running);
  out["runs"] = static_cast<Number>(lua::watched.turn.load(std::memory_order_relaxed));
  out["runs_stopped"] = static_cast<Number>(lua::watched.stopped);
  out["usage"] = usage_of(deps);
  co_return proxy::json_response(200, out);
}

const lua::LuaApi* find_script(const Deps& deps, const proxy::LocalRequest& request) {
  return deps.registry.plugin_deps().shared<lua::LuaKinds>().find_control_api(request.method, request.path);
}

async::Task<proxy::LocalResponse> serve_script(const lua::LuaApi& api, const proxy::LocalRequest& request) {
  static const lua::Ref no_conf;
  plugin::RequestState& state = *request.state;
  plugin::Request facade(state);
  lua::Binding& binding = lua::Binding::of(*api.handler.state(), state);
  binding.set_body(request.body);
  if (co_await lua::run_hook(api.handler, no_conf, facade) == async::Outcome::kPass) {
    constexpr int kOk = 200;  // also where it said nothing, as in APISIX
    co_return proxy::LocalResponse{.status = binding.has_responded() ? binding.status() : kOk,
                                   .content_type = "text/plain",
                                   .body = binding.output(),
                                   .headers = {}};
  }
  const plugin::DirectResponse& direct = state.direct_response;
  if (direct.is_error_page) co_return proxy::page_response(direct.status);
  co_return proxy::LocalResponse{.status = direct.status,
                                 .content_type = std::string(direct.content_type),
                                 .body = std::string(direct.body),
                                 .headers = {}};
}

}  // namespace apisix::control
