#include "worker/lua/apis.h"

#include <algorithm>
#include <utility>

#include "shared/async/step.h"
#include "worker/lua/hook.h"
#include "worker/lua/run.h"
#include "worker/lua/state.h"
#include "worker/plugin/request.h"

namespace apisix::lua {
namespace {

// Handlers get ctx alone; hooks are called with a configuration before it.
constexpr std::string_view kAdapt =
    "return function(handler) return function(conf, ctx) return handler(ctx) end end";

template <std::size_t kPlace>
async::Step serve_at(plugin::Request& request, plugin::Deps& deps) {
  static const Ref no_conf;
  const LuaApi* api = deps.shared<Apis>().at(kPlace);
  if (api == nullptr) return request.reject_page(404);
  return run_hook(api->handler, no_conf, request);
}

using Serve = async::Step (*)(plugin::Request& request, plugin::Deps& deps);
template <std::size_t... kPlace>
constexpr std::array<Serve, sizeof...(kPlace)> serve_functions(std::index_sequence<kPlace...>) {
  return {&serve_at<kPlace>...};
}
constexpr auto kServe = serve_functions(std::make_index_sequence<Apis::kPlaces>());

// The handler of the row on top, adapted; empty: it has none.
base::Result<Ref> read_handler(State& state) {
  lua_State* const lua = state.main();
  auto adapt = state.compile(kAdapt, "=api", Origin::kFile);
  if (!adapt) return adapt;
  adapt->push(lua);
  lua_getfield(lua, -2, "handler");
  if (!lua_isfunction(lua, -1)) {
    lua_pop(lua, 2);
    return Ref();
  }
  lua_call(lua, 1, 1);  // makes a closure: nothing of the user's runs
  return state.take(lua);
}

// Of the row on top.
base::Status read_row(State& state, std::vector<LuaApi>& out) {
  lua_State* const lua = state.main();
  lua_getfield(lua, -1, "uri");
  const std::string path(text_at(lua, -1));
  lua_pop(lua, 1);
  lua_getfield(lua, -1, "methods");
  const int count = lua_istable(lua, -1) ? static_cast<int>(lua_objlen(lua, -1)) : 0;
  std::vector<std::string> methods;
  for (int i = 1; i <= count; ++i) {
    lua_rawgeti(lua, -1, i);
    methods.emplace_back(text_at(lua, -1));
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
  for (std::string& method : methods) {
    auto handler = read_handler(state);
    if (!handler) return std::unexpected(handler.error());
    if (path.empty() || !*handler) return base::invalid("api(): a row needs methods, uri and handler");
    out.push_back({std::move(method), path, std::move(*handler)});
  }
  return {};
}

}  // namespace

base::Result<std::vector<LuaApi>> read_apis(State& state) {
  lua_State* const lua = state.main();
  std::vector<LuaApi> out;
  lua_getfield(lua, -1, "api");
  if (!lua_isfunction(lua, -1)) {
    lua_pop(lua, 1);
    return out;
  }
  Run run(state, Phase::kInit, nullptr);
  lua_xmove(lua, run.thread(), 1);
  if (run.start(0) != Run::End::kReturned) return base::invalid("api(): " + run.error());
  if (!lua_istable(run.thread(), 1)) return out;
  lua_settop(run.thread(), 1);
  lua_xmove(run.thread(), lua, 1);
  base::Status status;
  const int rows = static_cast<int>(lua_objlen(lua, -1));
  for (int i = 1; i <= rows && status; ++i) {
    lua_rawgeti(lua, -1, i);
    if (lua_istable(lua, -1)) status = read_row(state, out);
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
  if (!status) return std::unexpected(status.error());
  return out;
}

base::Result<std::vector<plugin::PublicApi>> Apis::take(const std::vector<LuaApi>& apis) {
  std::vector<plugin::PublicApi> out;
  for (const LuaApi& api : apis) {
    const auto place = std::ranges::find(places_, nullptr);
    if (place == places_.end()) {
      release(apis);
      return base::invalid("the plugins in Lua offer more than 64 APIs");
    }
    *place = &api;
    out.push_back({api.method, api.path, kServe[static_cast<std::size_t>(place - places_.begin())]});
  }
  return out;
}

void Apis::release(const std::vector<LuaApi>& apis) {
  for (const LuaApi*& place : places_) {
    if (place != nullptr && std::ranges::any_of(apis, [&](const LuaApi& api) { return &api == place; }))
      place = nullptr;
  }
}

}  // namespace apisix::lua
