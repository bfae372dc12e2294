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

// How a plugin says what it offers.
struct Form {
  const char* function;  // of the module
  const char* path;      // the member of a row: a text, or a list of them
  // Handlers get ctx alone; hooks are called with a configuration before it.
  std::string_view adapt;
};
constexpr Form kPublic{"api", "uri",
                       "return function(handler) return function(conf, ctx) return handler(ctx) end end"};
constexpr Form kControl{"control_api", "uris", R"(
return function(handler)
  return function(conf, ctx)
    local code, body = handler(ctx)
    if type(body) == "table" and ngx.header["Content-Type"] == nil then
      ngx.header["Content-Type"] = "application/json"
    end
    return code, body
  end
end)"};

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
base::Result<Ref> read_handler(State& state, const Form& form) {
  lua_State* const lua = state.main();
  auto adapt = state.compile(form.adapt, "=" + std::string(form.function), Origin::kFile);
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

// A member of the row on top: a text, or a list of them.
std::vector<std::string> read_texts(lua_State* lua, const char* member) {
  std::vector<std::string> out;
  lua_getfield(lua, -1, member);
  if (lua_isstring(lua, -1)) out.emplace_back(text_at(lua, -1));
  const int count = lua_istable(lua, -1) ? static_cast<int>(lua_objlen(lua, -1)) : 0;
  for (int i = 1; i <= count; ++i) {
    lua_rawgeti(lua, -1, i);
    out.emplace_back(text_at(lua, -1));
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
  return out;
}

// Of the row on top.
base::Status read_row(State& state, const Form& form, std::vector<LuaApi>& out) {
  const auto paths = read_texts(state.main(), form.path);
  for (const std::string& method : read_texts(state.main(), "methods")) {
    for (const std::string& path : paths) {
      auto handler = read_handler(state, form);
      if (!handler) return std::unexpected(handler.error());
      if (path.empty() || !*handler) {
        return base::invalid(std::string(form.function) + "(): a row needs methods, " + form.path +
                             " and handler");
      }
      out.push_back({method, path, std::move(*handler)});
    }
  }
  return {};
}

base::Result<std::vector<LuaApi>> read(State& state, const Form& form) {
  lua_State* const lua = state.main();
  std::vector<LuaApi> out;
  lua_getfield(lua, -1, form.function);
  if (!lua_isfunction(lua, -1)) {
    lua_pop(lua, 1);
    return out;
  }
  Run run(state, Phase::kInit, nullptr);
  lua_xmove(lua, run.thread(), 1);
  if (run.start(0) != Run::End::kReturned)
    return base::invalid(std::string(form.function) + "(): " + run.error());
  if (!lua_istable(run.thread(), 1)) return out;
  lua_settop(run.thread(), 1);
  lua_xmove(run.thread(), lua, 1);
  base::Status status;
  const int rows = static_cast<int>(lua_objlen(lua, -1));
  for (int i = 1; i <= rows && status; ++i) {
    lua_rawgeti(lua, -1, i);
    if (lua_istable(lua, -1)) status = read_row(state, form, out);
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
  if (!status) return std::unexpected(status.error());
  return out;
}

}  // namespace

base::Result<std::vector<LuaApi>> read_apis(State& state) {
  return read(state, kPublic);
}

base::Result<std::vector<LuaApi>> read_control_apis(State& state) {
  return read(state, kControl);
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
