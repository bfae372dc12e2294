// ngx.escape_uri, unescape_uri, encode_args, decode_args, quote_sql_str, the functions of base64, and the
// module ngx.base64.
#include <array>
#include <string>

#include "shared/base/base64.h"
#include "shared/http/uri.h"
#include "worker/lua/argument.h"
#include "worker/lua/fields.h"
#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

// The bytes that stay as they are.
using Kept = std::array<bool, 256>;
constexpr int kForComponent = 2;

constexpr Kept all_but(std::string_view escaped, bool keeps_high_bytes = false) {
  Kept kept{};
  for (std::size_t i = 0x21; i < 0x7f; ++i) kept[i] = !escaped.contains(static_cast<char>(i));
  if (keeps_high_bytes) {
    for (std::size_t i = 0x7f; i < kept.size(); ++i) kept[i] = true;
  }
  return kept;
}
// By nginx's numbers: path, arguments, component, HTML, refresh, memcached, mail.
constexpr std::array<Kept, 7> kKept = {
    all_but("#%?"),    all_but("#%+?"), all_but("\"#$%&+,/:;<=>?@[\\]^`{|}"),
    all_but("\"#%'"),  all_but("\"'"),  all_but("%", true),
    all_but("%", true)};

std::string escape(std::string_view text, const Kept& kept) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kept[byte]) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

int escape_uri(lua_State* lua) {
  int type = kForComponent;
  if (!lua_isnoneornil(lua, 2)) {
    if (lua_type(lua, 2) != LUA_TNUMBER) return luaL_error(lua, "\"type\" is not a number");
    type = static_cast<int>(lua_tointeger(lua, 2));
    if (type < 0 || type >= static_cast<int>(kKept.size()))
      return luaL_error(lua, "\"type\" %d out of range", type);
  }
  push(lua, escape(text_argument(lua, 1), kKept[static_cast<std::size_t>(type)]));
  return 1;
}

int unescape_uri(lua_State* lua) {
  const auto text = text_argument(lua, 1);
  std::string out(text.size(), '\0');
  out.resize(static_cast<std::size_t>(http::unescape_to(text, out.data()) - out.data()));
  push(lua, out);
  return 1;
}

int encode_args(lua_State* lua) {
  if (lua_gettop(lua) != 1) return luaL_error(lua, "expecting 1 argument but seen %d", lua_gettop(lua));
  luaL_checktype(lua, 1, LUA_TTABLE);
  std::string out;
  append_args(lua, 1, out);
  push(lua, out);
  return 1;
}

int decode_args(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count != 1 && count != 2) return luaL_error(lua, "expecting 1 or 2 arguments but seen %d", count);
  const auto query = check_text(lua, 1);
  const auto max = count == 2 ? luaL_checkinteger(lua, 2) : static_cast<lua_Integer>(kListedMax);
  return push_args(lua, query, max < 0 ? 0 : static_cast<std::size_t>(max));
}

// For MySQL: ndk.set_var.set_quote_sql_str.
int quote_sql_str(lua_State* lua) {
  if (lua_gettop(lua) != 1) return luaL_error(lua, "expecting one argument");
  std::string out = "'";
  for (const char c : check_text(lua, 1)) {
    static constexpr std::string_view kEscaped("\0\b\n\r\t\x1a\\'\"", 9);
    static constexpr std::string_view kLetters = "0bnrtZ\\'\"";
    if (const auto at = kEscaped.find(c); at != kEscaped.npos) {
      out += {'\\', kLetters[at]};
    } else {
      out += c;
    }
  }
  out += '\'';
  push(lua, out);
  return 1;
}

int encode_base64(lua_State* lua) {
  const bool is_padded = lua_toboolean(lua, 2) == 0;
  if (!is_padded && !lua_isboolean(lua, 2)) {
    return luaL_error(lua, "bad no_padding: boolean expected, got %s", luaL_typename(lua, 2));
  }
  std::string text = base::encode_base64(text_argument(lua, 1));
  if (!is_padded) text.erase(text.find_last_not_of('=') + 1);
  push(lua, text);
  return 1;
}

int decode_base64(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TSTRING) return luaL_error(lua, "string argument only");
  if (const auto bytes = base::decode_base64(text_at(lua, 1))) {
    push(lua, *bytes);
  } else {
    lua_pushnil(lua);
  }
  return 1;
}

int encode_base64url(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TSTRING) return push_error(lua, "must provide a string");
  push(lua, base::encode_base64url(text_at(lua, 1)));
  return 1;
}

int decode_base64url(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TSTRING) return push_error(lua, "must provide a string");
  const auto bytes = base::decode_base64url(text_at(lua, 1));
  if (!bytes) return push_error(lua, "invalid input");
  push(lua, *bytes);
  return 1;
}

int load_base64(lua_State* lua) {
  lua_createtable(lua, 0, 2);
  set_function(lua, "encode_base64url", encode_base64url);
  set_function(lua, "decode_base64url", decode_base64url);
  return 1;
}

}  // namespace

void open_escape(lua_State* ngx) {
  set_function(ngx, "escape_uri", escape_uri);
  set_function(ngx, "unescape_uri", unescape_uri);
  set_function(ngx, "encode_args", encode_args);
  set_function(ngx, "decode_args", decode_args);
  set_function(ngx, "quote_sql_str", quote_sql_str);
  set_function(ngx, "encode_base64", encode_base64);
  set_function(ngx, "decode_base64", decode_base64);
  preload(ngx, "ngx.base64", load_base64);
}

}  // namespace apisix::lua
