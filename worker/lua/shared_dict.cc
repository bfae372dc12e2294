// ngx.shared: the dictionaries of nginx_config.http.lua_shared_dict and custom_lua_shared_dict, shared by all
// workers.
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "shared/event/loop.h"
#include "shared/memory/zones.h"
#include "worker/lua/modules.h"
#include "worker/lua/state.h"

namespace apisix::lua {
namespace {

using memory::ScriptDict;

constexpr const char* kDictName = "ngx.shared";
// Of keys, as nginx.
constexpr std::size_t kKeyBytesMax = 65535;

// The methods are called on a table that has the userdata in [1], as resty.core has it.
ScriptDict& dict_of(lua_State* lua) {
  if (!lua_istable(lua, 1)) luaL_error(lua, "bad \"zone\" argument");
  lua_rawgeti(lua, 1, 1);
  auto* dict = static_cast<ScriptDict*>(lua_touserdata(lua, -1));
  if (dict == nullptr) luaL_error(lua, "bad \"zone\" argument");
  lua_pop(lua, 1);
  return *dict;
}

std::uint64_t now_ms(lua_State* lua) {
  return State::of(lua).loop().clock().monotonic_ms();
}

// A key: a text, or what can be one. Nothing: "why" is pushed as the second of two results.
std::optional<std::string_view> key_at(lua_State* lua, int index) {
  const auto fail = [lua](std::string_view why) {
    lua_pushnil(lua);
    push(lua, why);
    return std::nullopt;
  };
  if (lua_isnoneornil(lua, index)) return fail("nil key");
  if (lua_type(lua, index) == LUA_TBOOLEAN) {
    push(lua, lua_toboolean(lua, index) != 0 ? "true" : "false");
    lua_replace(lua, index);
  }
  const std::string_view key = check_text(lua, index);
  if (key.empty()) return fail("empty key");
  if (key.size() > kKeyBytesMax) return fail("key too long");
  return key;
}

// nil: nothing is to be stored.
std::optional<ScriptDict::Value> value_at(lua_State* lua, int index) {
  ScriptDict::Value value;
  switch (lua_type(lua, index)) {
    case LUA_TNUMBER: {
      const double number = lua_tonumber(lua, index);
      value.type = ScriptDict::Type::kNumber;
      value.bytes.assign(reinterpret_cast<const char*>(&number), sizeof number);
      return value;
    }
    case LUA_TBOOLEAN:
      value.type = ScriptDict::Type::kBoolean;
      value.bytes.assign(1, static_cast<char>(lua_toboolean(lua, index)));
      return value;
    case LUA_TSTRING:
      value.bytes = text_at(lua, index);
      return value;
    default:
      return std::nullopt;
  }
}

void push_value(lua_State* lua, const ScriptDict::Value& value) {
  switch (value.type) {
    case ScriptDict::Type::kNumber: {
      double number = 0;
      std::memcpy(&number, value.bytes.data(), sizeof number);
      return lua_pushnumber(lua, number);
    }
    case ScriptDict::Type::kBoolean:
      return lua_pushboolean(lua, value.bytes[0]);
    default:
      return push(lua, value.bytes);
  }
}

std::string_view text_of(ScriptDict::Fault fault) {
  switch (fault) {
    case ScriptDict::Fault::kNoMemory:
      return "no memory";
    case ScriptDict::Fault::kExists:
      return "exists";
    case ScriptDict::Fault::kNotFound:
      return "not found";
    case ScriptDict::Fault::kWrongType:
      return "value not a list";
    case ScriptDict::Fault::kNone:
      break;
  }
  return {};
}

// Of an exptime in seconds at `index`; 0: it never ends.
std::uint64_t ends_at(lua_State* lua, int index) {
  const double seconds = luaL_optnumber(lua, index, 0);
  if (seconds < 0) luaL_error(lua, "bad \"exptime\" argument");
  return seconds == 0 ? 0 : now_ms(lua) + static_cast<std::uint64_t>(seconds * 1000);
}

int get(lua_State* lua) {
  ScriptDict& dict = dict_of(lua);
  const auto key = key_at(lua, 2);
  if (!key) return 2;
  const auto value = dict.get(*key, now_ms(lua));
  if (!value) {
    lua_pushnil(lua);
    return 1;
  }
  if (value->type == ScriptDict::Type::kList) return push_error(lua, "value is a list");
  push_value(lua, *value);
  if (value->flags == 0) return 1;
  lua_pushnumber(lua, value->flags);
  return 2;
}

// value, flags, is it stale
int get_stale(lua_State* lua) {
  ScriptDict& dict = dict_of(lua);
  const auto key = key_at(lua, 2);
  if (!key) return 2;
  const auto value = dict.get(*key, now_ms(lua), true);
  if (!value) {
    lua_pushnil(lua);
    return 1;
  }
  if (value->type == ScriptDict::Type::kList) return push_error(lua, "value is a list");
  push_value(lua, *value);
  value->flags != 0 ? lua_pushnumber(lua, value->flags) : lua_pushnil(lua);
  lua_pushboolean(lua, value->is_stale ? 1 : 0);
  return 3;
}

// ok, err, forcible
int store(lua_State* lua, ScriptDict::Put when, bool evicts) {
  ScriptDict& dict = dict_of(lua);
  const auto key = key_at(lua, 2);
  if (!key) return 2;
  auto value = value_at(lua, 3);
  if (!value) {
    if (lua_isnil(lua, 3) && when == ScriptDict::Put::kAlways) {
      dict.remove(*key);
      lua_pushboolean(lua, 1);
      lua_pushnil(lua);
      lua_pushboolean(lua, 0);
      return 3;
    }
    return push_error(lua, lua_isnil(lua, 3) ? "attempt to add or replace nil values" : "bad value type");
  }
  const std::uint64_t ends_ms = ends_at(lua, 4);
  value->flags = static_cast<std::uint32_t>(luaL_optnumber(lua, 5, 0));
  const auto outcome = dict.put(*key, *value, ends_ms, now_ms(lua), when, evicts);
  if (outcome.fault == ScriptDict::Fault::kNone) {
    lua_pushboolean(lua, 1);
    lua_pushnil(lua);
  } else {
    lua_pushboolean(lua, 0);
    push(lua, text_of(outcome.fault));
  }
  lua_pushboolean(lua, outcome.has_evicted ? 1 : 0);
  return 3;
}

int set(lua_State* lua) {
  return store(lua, ScriptDict::Put::kAlways, true);
}
int safe_set(lua_State* lua) {
  return store(lua, ScriptDict::Put::kAlways, false);
}
int add(lua_State* lua) {
  return store(lua, ScriptDict::Put::kIfMissing, true);
}
int safe_add(lua_State* lua) {
  return store(lua, ScriptDict::Put::kIfMissing, false);
}
int replace(lua_State* lua) {
  return store(lua, ScriptDict::Put::kIfThere, true);
}

int remove(lua_State* lua) {
  ScriptDict& dict = dict_of(lua);
  const auto key = key_at(lua, 2);
  if (!key) return 2;
  dict.remove(*key);
  lua_pushboolean(lua, 1);
  return 1;
}

// incr(key, by, init, init_ttl) -> number, err, forcible
int incr(lua_State* lua) {
  ScriptDict& dict = dict_of(lua);
  const auto key = key_at(lua, 2);
  if (!key) return 2;
  const double by = luaL_checknumber(lua, 3);
  std::optional<double> init;
  if (!lua_isnoneornil(lua, 4)) init = luaL_checknumber(lua, 4);
  const double ttl = luaL_optnumber(lua, 5, 0);
  if (!lua_isnoneornil(lua, 5) && !init)
    return luaL_error(lua, "must provide \"init\" when providing \"init_ttl\"");
  if (ttl < 0) return luaL_error(lua, "bad \"init_ttl\" argument");
  double result = 0;
  const auto outcome =
      dict.increase(*key, by, init, static_cast<std::uint64_t>(ttl * 1000), now_ms(lua), result);
  if (outcome.fault != ScriptDict::Fault::kNone) {
    push_error(lua, outcome.fault == ScriptDict::Fault::kWrongType ? "not a number" : text_of(outcome.fault));
    if (!init) return 2;
    lua_pushboolean(lua, outcome.has_evicted ? 1 : 0);
    return 3;
  }
  lua_pushnumber(lua, result);
  if (!init) return 1;
  lua_pushnil(lua);
  lua_pushboolean(lua, outcome.has_evicted ? 1 : 0);
  return 3;
}

int push_element(lua_State* lua, bool at_front) {
  ScriptDict& dict = dict_of(lua);
  const auto key = key_at(lua, 2);
  if (!key) return 2;
  const auto value = value_at(lua, 3);
  if (!value || value->type == ScriptDict::Type::kBoolean) return push_error(lua, "bad value type");
  std::size_t count = 0;
  const auto outcome = dict.push(*key, *value, at_front, now_ms(lua), count);
  if (outcome.fault != ScriptDict::Fault::kNone) return push_error(lua, text_of(outcome.fault));
  lua_pushnumber(lua, static_cast<double>(count));
  return 1;
}

int lpush(lua_State* lua) {
  return push_element(lua, true);
}
int rpush(lua_State* lua) {
  return push_element(lua, false);
}

int pop_element(lua_State* lua, bool at_front) {
  ScriptDict& dict = dict_of(lua);
  const auto key = key_at(lua, 2);
  if (!key) return 2;
  std::optional<ScriptDict::Value> value;
  const auto outcome = dict.pop(*key, at_front, now_ms(lua), value);
  if (outcome.fault != ScriptDict::Fault::kNone) return push_error(lua, text_of(outcome.fault));
  value ? push_value(lua, *value) : lua_pushnil(lua);
  return 1;
}

int lpop(lua_State* lua) {
  return pop_element(lua, true);
}
int rpop(lua_State* lua) {
  return pop_element(lua, false);
}

int llen(lua_State* lua) {
  ScriptDict& dict = dict_of(lua);
  const auto key = key_at(lua, 2);
  if (!key) return 2;
  std::size_t count = 0;
  const auto outcome = dict.length(*key, now_ms(lua), count);
  if (outcome.fault != ScriptDict::Fault::kNone) return push_error(lua, text_of(outcome.fault));
  lua_pushnumber(lua, static_cast<double>(count));
  return 1;
}

int ttl(lua_State* lua) {
  ScriptDict& dict = dict_of(lua);
  const auto key = key_at(lua, 2);
  if (!key) return 2;
  const auto left_ms = dict.ttl(*key, now_ms(lua));
  if (!left_ms) return push_error(lua, "not found");
  lua_pushnumber(lua, static_cast<double>(*left_ms) / 1000);
  return 1;
}

int expire(lua_State* lua) {
  ScriptDict& dict = dict_of(lua);
  const auto key = key_at(lua, 2);
  if (!key) return 2;
  luaL_checknumber(lua, 3);
  if (!dict.expire(*key, ends_at(lua, 3), now_ms(lua))) return push_error(lua, "not found");
  lua_pushboolean(lua, 1);
  return 1;
}

int flush_all(lua_State* lua) {
  dict_of(lua).flush_all(now_ms(lua));
  return 0;
}

int flush_expired(lua_State* lua) {
  const auto max = static_cast<std::size_t>(luaL_optnumber(lua, 2, 0));
  lua_pushnumber(lua, static_cast<double>(dict_of(lua).flush_expired(max, now_ms(lua))));
  return 1;
}

// 1024 keys when no count is given; 0: all.
int get_keys(lua_State* lua) {
  constexpr double kKeysDefault = 1024;
  const auto max = static_cast<std::size_t>(luaL_optnumber(lua, 2, kKeysDefault));
  const auto keys = dict_of(lua).keys(max, now_ms(lua));
  lua_createtable(lua, static_cast<int>(keys.size()), 0);
  int index = 0;
  for (const std::string& key : keys) {
    push(lua, key);
    lua_rawseti(lua, -2, ++index);
  }
  return 1;
}

int capacity(lua_State* lua) {
  lua_pushnumber(lua, static_cast<double>(dict_of(lua).capacity()));
  return 1;
}

int free_space(lua_State* lua) {
  lua_pushnumber(lua, static_cast<double>(dict_of(lua).free_bytes()));
  return 1;
}

constexpr std::pair<const char*, lua_CFunction> kMethods[] = {{"get", get},
                                                              {"get_stale", get_stale},
                                                              {"set", set},
                                                              {"safe_set", safe_set},
                                                              {"add", add},
                                                              {"safe_add", safe_add},
                                                              {"replace", replace},
                                                              {"delete", remove},
                                                              {"incr", incr},
                                                              {"lpush", lpush},
                                                              {"rpush", rpush},
                                                              {"lpop", lpop},
                                                              {"rpop", rpop},
                                                              {"llen", llen},
                                                              {"ttl", ttl},
                                                              {"expire", expire},
                                                              {"flush_all", flush_all},
                                                              {"flush_expired", flush_expired},
                                                              {"get_keys", get_keys},
                                                              {"capacity", capacity},
                                                              {"free_space", free_space}};

void push_methods(lua_State* lua) {
  if (luaL_newmetatable(lua, kDictName) == 0) return;
  lua_newtable(lua);
  for (const auto& [name, method] : kMethods) set_function(lua, name, method);
  lua_setfield(lua, -2, "__index");
}

}  // namespace

void open_shared_dict(lua_State* ngx) {
  lua_newtable(ngx);
  if (memory::Zones* zones = State::of(ngx).deps().zones) {
    for (auto& [name, dict] : zones->scripts) {
      lua_createtable(ngx, 1, 0);
      lua_pushlightuserdata(ngx, &dict);
      lua_rawseti(ngx, -2, 1);
      push_methods(ngx);
      lua_setmetatable(ngx, -2);
      lua_setfield(ngx, -2, name.c_str());
    }
  }
  lua_setfield(ngx, -2, "shared");
}

}  // namespace apisix::lua
