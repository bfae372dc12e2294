#include "worker/lua/fields.h"

#include <string>

#include "shared/base/arena.h"
#include "shared/base/text.h"
#include "shared/http/header_map.h"
#include "shared/http/uri.h"

namespace apisix::lua {
namespace {

// The value on top joins what t[name] has; the table is below it.
void add(lua_State* lua, std::string_view name) {
  push(lua, name);
  lua_pushvalue(lua, -1);
  lua_rawget(lua, -4);  // table, value, name, old
  if (lua_isnil(lua, -1)) {
    lua_pop(lua, 1);
    lua_insert(lua, -2);  // table, name, value
    lua_rawset(lua, -3);
    return;
  }
  if (!lua_istable(lua, -1)) {
    lua_createtable(lua, 2, 0);
    lua_insert(lua, -2);
    lua_rawseti(lua, -2, 1);
    lua_pushvalue(lua, -2);
    lua_pushvalue(lua, -2);
    lua_rawset(lua, -6);  // table, value, name, list
  }
  lua_pushvalue(lua, -3);
  lua_rawseti(lua, -2, static_cast<int>(lua_objlen(lua, -2)) + 1);
  lua_pop(lua, 3);
}

// __index of a table of headers.
int find_header(lua_State* lua) {
  if (lua_type(lua, 2) != LUA_TSTRING) return 0;
  const std::string_view asked = text_at(lua, 2);
  std::string name = base::to_lower(asked);
  for (char& c : name) {
    if (c == '_') c = '-';
  }
  if (name == asked) return 0;
  push(lua, name);
  lua_rawget(lua, 1);
  return 1;
}

void append_pair(lua_State* lua, std::string_view name, int value, std::string& out) {
  if (lua_type(lua, value) == LUA_TBOOLEAN && lua_toboolean(lua, value) == 0) return;
  if (!out.empty()) out += '&';
  append_escaped(out, name);
  if (lua_type(lua, value) == LUA_TBOOLEAN) return;
  lua_pushvalue(lua, value);
  std::size_t bytes = 0;
  const char* text = lua_tolstring(lua, -1, &bytes);
  if (text == nullptr) luaL_error(lua, "attempt to use %s as query arg value", luaL_typename(lua, value));
  out += '=';
  append_escaped(out, {text, bytes});
  lua_pop(lua, 1);
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z') || base::is_digit(c) ||
                          c == '-' || c == '.' || c == '_' || c == '~' || c == '!' || c == '\'' || c == '(' ||
                          c == ')' || c == '*';
    if (is_plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

void add_value(lua_State* lua, std::string_view name, std::string_view value) {
  push(lua, value);
  add(lua, name);
}

void add_flag(lua_State* lua, std::string_view name) {
  lua_pushboolean(lua, 1);
  add(lua, name);
}

int push_headers(lua_State* lua, const http::HeaderMap& headers, std::size_t listed_max, bool is_raw) {
  lua_createtable(lua, 0, static_cast<int>(headers.size()));
  std::size_t listed = 0;
  for (const http::HeaderField& field : headers) {
    if (listed_max != 0 && listed == listed_max) break;
    ++listed;
    if (is_raw) {
      add_value(lua, field.name, field.value);
    } else {
      add_value(lua, base::to_lower(field.name), field.value);
    }
  }
  if (!is_raw) {
    if (luaL_newmetatable(lua, "ngx.headers") != 0) set_function(lua, "__index", find_header);
    lua_setmetatable(lua, -2);
  }
  if (listed == headers.size()) return 1;
  push(lua, "truncated");
  return 2;
}

int push_args(lua_State* lua, std::string_view query, std::size_t listed_max) {
  base::Arena arena;
  lua_newtable(lua);
  std::size_t listed = 0;
  while (const auto arg = http::next_arg(query)) {
    if (listed_max != 0 && listed == listed_max) {
      push(lua, "truncated");
      return 2;
    }
    ++listed;
    const std::string_view name = http::unescape(arg->name, arena);
    if (arg->has_value) {
      add_value(lua, name, http::unescape(arg->value, arena));
    } else {
      add_flag(lua, name);
    }
  }
  return 1;
}

bool each_value(lua_State* lua, int index, const std::function<void(std::string_view)>& each) {
  const auto one = [&](int at) {
    lua_pushvalue(lua, at);  // a number in a table must stay one
    std::size_t bytes = 0;
    const char* text = lua_tolstring(lua, -1, &bytes);
    if (text == nullptr) luaL_error(lua, "invalid header value: %s", luaL_typename(lua, at));
    each({text, bytes});
    lua_pop(lua, 1);
  };
  switch (lua_type(lua, index)) {
    case LUA_TNIL:
    case LUA_TNONE:
      return false;
    case LUA_TBOOLEAN:
      each(lua_toboolean(lua, index) != 0 ? "true" : "false");
      return true;
    case LUA_TTABLE: {
      const auto count = static_cast<int>(lua_objlen(lua, index));
      for (int i = 1; i <= count; ++i) {
        lua_rawgeti(lua, index, i);
        one(lua_gettop(lua));
        lua_pop(lua, 1);
      }
      return count != 0;
    }
    default:
      one(index);
      return true;
  }
}

void append_args(lua_State* lua, int index, std::string& out) {
  if (lua_type(lua, index) != LUA_TTABLE) {
    out += check_text(lua, index);
    return;
  }
  lua_pushnil(lua);
  while (lua_next(lua, index) != 0) {
    if (lua_type(lua, -2) != LUA_TSTRING) {
      luaL_error(lua, "attempt to use a non-string key in the \"args\" option table");
    }
    const std::string name(text_at(lua, -2));
    if (lua_istable(lua, -1)) {
      const int list = lua_gettop(lua);
      for (int i = 1; i <= static_cast<int>(lua_objlen(lua, list)); ++i) {
        lua_rawgeti(lua, list, i);
        append_pair(lua, name, lua_gettop(lua), out);
        lua_pop(lua, 1);
      }
    } else {
      append_pair(lua, name, lua_gettop(lua), out);
    }
    lua_pop(lua, 1);
  }
}

}  // namespace apisix::lua
