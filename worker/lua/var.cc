// ngx.var and ctx.var: the request's variables. Reads go to the gateway's own variables; what Lua writes acts
// on the request where the gateway knows the name, and is kept for the request in any case. ngx.var refuses
// names that nginx.conf does not define, as nginx does; ctx.var takes every name and every value, as APISIX's
// does.
#include "worker/lua/var.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "shared/base/text.h"
#include "worker/lua/binding.h"
#include "worker/lua/json_value.h"
#include "worker/lua/modules.h"
#include "worker/lua/registered.h"
#include "worker/lua/run.h"
#include "worker/plugin/variables.h"

namespace apisix::lua {
namespace {

using route::VariableKind;
using route::VariableName;

// Names are those of the code, so there are few; a program that makes up names starts anew.
constexpr std::size_t kNamesMax = 4096;

const VariableName& parsed(std::string_view name) {
  static thread_local std::unordered_map<std::string, VariableName, base::StringHash, std::equal_to<>> names;
  if (const auto found = names.find(name); found != names.end()) return found->second;
  if (names.size() > kNamesMax) names.clear();
  return names.emplace(name, VariableName::parse(name)).first->second;
}

// The value as text, or nullopt for nil.
std::optional<std::string_view> value_text(lua_State* lua, int index) {
  switch (lua_type(lua, index)) {
    case LUA_TNUMBER:
    case LUA_TSTRING: {
      std::size_t bytes = 0;
      const char* data = lua_tolstring(lua, index, &bytes);
      return std::string_view(data, bytes);
    }
    case LUA_TBOOLEAN:
      return lua_toboolean(lua, index) != 0 ? "true" : "false";
    default:
      return std::nullopt;
  }
}

// What the gateway does with a written variable. False: it is none that can be written.
bool act(Binding& binding, const VariableName& name, std::string_view text) {
  plugin::RequestState& state = binding.state();
  switch (name.kind) {
    case VariableKind::kArgs:
      binding.request().query().set_text(text);
      return true;
    case VariableKind::kUpstreamUri:
      state.upstream.uri = state.arena.copy(text);
      return true;
    case VariableKind::kUpstreamHost:
      state.upstream.wanted_host = state.arena.copy(text);
      return true;
    case VariableKind::kUpstreamScheme:
      state.upstream.wanted_scheme = state.arena.copy(text);
      return true;
    case VariableKind::kUnknown:
      binding.request().set_variable(name.detail, text);
      return true;
    default:
      return name.kind > VariableKind::kUpstreamUri && name.kind <= VariableKind::kUpstreamCacheBypass;
  }
}

Binding& binding_of_var(lua_State* lua) {
  Binding* binding = Binding::of_var(lua, 1);
  if (binding == nullptr) luaL_error(lua, "no request found");
  return *binding;
}

// Numbers, lists and objects of a body keep their type.
void push_read(lua_State* lua, Binding& binding, const VariableName& name) {
  plugin::Variables variables(binding.state());
  const format::Json* structured = name.is_of_body() ? variables.read_value(name) : nullptr;
  if (structured != nullptr) return push_json(lua, *structured);
  const auto value = variables.read(name);
  value ? push(lua, *value) : lua_pushnil(lua);
}

async::Task<int> read_of_body(lua_State* lua, Binding& binding, const VariableName& name) {
  co_await binding.request().body().read_fields();
  push_read(lua, binding, name);
  co_return 1;
}

int read_ctx_var(lua_State* lua) {
  if (lua_type(lua, 2) != LUA_TSTRING) return luaL_error(lua, "invalid argument, expect string value");
  Binding& binding = binding_of_var(lua);
  const std::string_view name = text_at(lua, 2);
  const bool may_be_of_body = name.starts_with("post_arg") || name.starts_with("graphql_");
  if (may_be_of_body && parsed(name).is_of_body() && !binding.request().body().is_read() &&
      Run::of(lua).may_wait()) {
    return wait(lua, read_of_body(lua, binding, parsed(name)));
  }
  push_variable(lua, binding, name);
  return 1;
}

int write_ctx_var(lua_State* lua) {
  Binding& binding = binding_of_var(lua);
  if (lua_type(lua, 2) != LUA_TSTRING) return luaL_error(lua, "invalid argument, expect string value");
  // As text it is another value: the number that was written is what is read again.
  lua_pushvalue(lua, 3);
  if (const auto text = value_text(lua, 4)) act(binding, parsed(text_at(lua, 2)), *text);
  if (lua_isnil(lua, 3) && !binding.has_written()) return 0;
  binding.push_written(lua);
  lua_pushvalue(lua, 2);
  lua_pushvalue(lua, 3);
  lua_rawset(lua, -3);
  return 0;
}

// nginx's $arg_NAME, which other than APISIX's ctx.var.arg_NAME is not decoded, and whose case does not
// matter.
std::optional<std::string_view> raw_argument(std::string_view args, std::string_view name) {
  while (!args.empty()) {
    const std::string_view one = args.substr(0, args.find('&'));
    args.remove_prefix(std::min(args.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    if (equals != std::string_view::npos && base::equals_ignore_case(one.substr(0, equals), name))
      return one.substr(equals + 1);
  }
  return std::nullopt;
}

// What nginx's variable has where APISIX's of the same name has something else. False: they are the same.
bool push_of_nginx(lua_State* lua, Binding& binding, const VariableName& name) {
  const plugin::RequestState& state = binding.state();
  const auto push_text = [lua](std::string_view text) {
    push(lua, text);
    return true;
  };
  switch (name.kind) {
    case VariableKind::kUri:
      return !state.target.rewritten.empty() && push_text(state.target.rewritten);
    case VariableKind::kRequestUri:
      push_variable(lua, binding, "real_request_uri");
      return true;
    case VariableKind::kArg: {
      const auto value = raw_argument(state.target.args, name.detail);
      value ? push(lua, *value) : lua_pushnil(lua);
      return true;
    }
    case VariableKind::kUpstreamHost:
      return !state.upstream.wanted_host.empty() && push_text(state.upstream.wanted_host);
    case VariableKind::kUpstreamScheme:
      return !state.upstream.wanted_scheme.empty() && push_text(state.upstream.wanted_scheme);
    default:
      return false;
  }
}

int read_ngx_var(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  if (lua_type(lua, 2) == LUA_TNUMBER) {
    lua_pushnil(lua);  // a capture of a location's expression; there is none
    return 1;
  }
  const std::string_view name = check_text(lua, 2);
  Binding& binding = binding_of(lua);
  if (!push_of_nginx(lua, binding, parsed(name))) push_variable(lua, binding, name);
  return 1;
}

int write_ngx_var(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  Binding& binding = binding_of(lua);
  const std::string_view name = check_text(lua, 2);
  const VariableName& variable = parsed(name);
  if (!lua_isnil(lua, 3) && !value_text(lua, 3)) {
    return luaL_error(lua, "bad argument #3 to '__newindex' (string or number expected, got %s)",
                      luaL_typename(lua, 3));
  }
  const bool is_known = variable.kind != VariableKind::kUnknown || name == "limit_rate" ||
                        binding.state().find_variable(name) != nullptr || is_of_nginx_conf(name);
  if (!is_known) {
    return luaL_error(
        lua,
        "variable \"%s\" not found for writing; maybe it is a built-in variable that is not changeable or "
        "you forgot to use \"set $%s '';\" in the config file to define it first",
        lua_tostring(lua, 2), lua_tostring(lua, 2));
  }
  if (!act(binding, variable, value_text(lua, 3).value_or(""))) {
    return luaL_error(lua, "variable \"%s\" not changeable", lua_tostring(lua, 2));
  }
  return 0;
}

}  // namespace

// Variables that APISIX's nginx.conf sets and this gateway has no own meaning for.
bool is_of_nginx_conf(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "wasm_plugin_dir", "upstream_mirror_host",   "upstream_hdr_count",           "ctx_ref",
      "from_error_page", "llm_content_risk_level", "apisix_upstream_response_time"};
  for (const std::string_view known : kNames) {
    if (known == name) return true;
  }
  return false;
}

void push_variable(lua_State* lua, Binding& binding, std::string_view name) {
  if (binding.has_written()) {
    binding.push_written(lua);
    push(lua, name);
    lua_rawget(lua, -2);
    lua_remove(lua, -2);
    if (!lua_isnil(lua, -1)) return;
    lua_pop(lua, 1);
  }
  const VariableName& variable = parsed(name);
  const bool is_unknown = variable.kind == VariableKind::kUnknown;
  if (is_unknown && push_registered(lua, binding, name)) return;
  if (is_unknown && binding.state().find_variable(name) == nullptr) return lua_pushnil(lua);
  push_read(lua, binding, variable);
}

void open_var(lua_State* ngx) {
  lua_newtable(ngx);
  set_function(ngx, "__index", read_ctx_var);
  set_function(ngx, "__newindex", write_ctx_var);
  State::of(ngx).know(State::Known::kVarMetatable, ngx);
  lua_newtable(ngx);
  lua_newtable(ngx);
  set_function(ngx, "__index", read_ngx_var);
  set_function(ngx, "__newindex", write_ngx_var);
  lua_setmetatable(ngx, -2);
  lua_setfield(ngx, -2, "var");
}

}  // namespace apisix::lua
