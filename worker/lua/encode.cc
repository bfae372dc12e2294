// Encodings and digests: ngx.escape_uri, ngx.encode_base64, ngx.md5 and their kin.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/base/base64.h"
#include "shared/base/crypto_digest.h"
#include "shared/base/text.h"
#include "shared/http/uri.h"
#include "worker/lua/fields.h"
#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

int escape_uri(lua_State* lua) {
  const std::string_view text = check_text(lua, 1);
  // 0: a whole URI, whose delimiters stay; 2, without one: a component.
  const auto type = luaL_optinteger(lua, 2, 2);
  std::string out;
  if (type == 0) {
    base::Arena arena;
    out = http::escape_path(text, arena);
  } else {
    append_escaped(out, text);
  }
  push(lua, out);
  return 1;
}

int unescape_uri(lua_State* lua) {
  base::Arena arena;
  push(lua, http::unescape(check_text(lua, 1), arena));
  return 1;
}

int encode_args(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  std::string out;
  append_args(lua, 1, out);
  push(lua, out);
  return 1;
}

int decode_args(lua_State* lua) {
  const std::string_view text = check_text(lua, 1);
  const auto asked = luaL_optinteger(lua, 2, static_cast<lua_Integer>(kListedMax));
  return push_args(lua, text, asked < 0 ? 0 : static_cast<std::size_t>(asked));
}

// The argument as OpenResty takes it: nil is "", numbers and booleans are their text.
std::string_view any_text(lua_State* lua, int index) {
  if (lua_isnil(lua, index)) return {};
  if (lua_isboolean(lua, index)) return lua_toboolean(lua, index) != 0 ? "true" : "false";
  return check_text(lua, index);
}

int encode_base64(lua_State* lua) {
  luaL_checkany(lua, 1);
  std::string out = base::encode_base64(any_text(lua, 1));
  if (lua_toboolean(lua, 2) != 0) out.resize(out.find_last_not_of('=') + 1);
  push(lua, out);
  return 1;
}

int decode_base64(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TSTRING) return luaL_error(lua, "string argument only");
  std::string text(text_at(lua, 1));
  if (text.size() % 4 != 0 && !text.ends_with('=')) text.append(4 - text.size() % 4, '=');
  const auto out = base::decode_base64(text);
  if (!out) {
    lua_pushnil(lua);
  } else {
    push(lua, *out);
  }
  return 1;
}

int encode_base64url(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TSTRING) return push_error(lua, "must provide a string");
  std::string out = base::encode_base64(text_at(lua, 1));
  out.resize(out.find_last_not_of('=') + 1);
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  push(lua, out);
  return 1;
}

int decode_base64url(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TSTRING) return push_error(lua, "must provide a string");
  std::string text(text_at(lua, 1));
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.ends_with('=')) text.pop_back();
  if (text.size() % 4 != 0) text.append(4 - text.size() % 4, '=');
  const auto out = base::decode_base64(text);
  if (!out) return push_error(lua, "invalid input");
  push(lua, *out);
  return 1;
}

int load_base64(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "encode_base64url", encode_base64url);
  set_function(lua, "decode_base64url", decode_base64url);
  return 1;
}

template <base::Digest kDigest, bool kHex>
int digest(lua_State* lua) {
  luaL_checkany(lua, 1);
  const base::DigestBytes bytes = base::digest_of(kDigest, any_text(lua, 1));
  if constexpr (kHex) {
    push(lua, bytes.hex());
  } else {
    push(lua, bytes.view());
  }
  return 1;
}

int hmac_sha1(lua_State* lua) {
  const std::string_view key = check_text(lua, 1);
  push(lua, base::hmac_of(base::Digest::kSha1, key, any_text(lua, 2)).view());
  return 1;
}

int crc32(lua_State* lua) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < made.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xedb88320u ^ value >> 1 : value >> 1;
      made[i] = value;
    }
    return made;
  }();
  std::uint32_t crc = 0xffffffffu;
  for (const char c : any_text(lua, 1)) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ crc >> 8;
  lua_pushnumber(lua, crc ^ 0xffffffffu);
  return 1;
}

int quote_sql_str(lua_State* lua) {
  std::string out = "'";
  for (const char c : check_text(lua, 1)) {
    switch (c) {
      case '\0':
        out += "\\0";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\x1a':
        out += "\\Z";
        break;
      case '\\':
      case '\'':
      case '"':
        out += '\\';
        out += c;
        break;
      default:
        out += c;
    }
  }
  out += '\'';
  push(lua, out);
  return 1;
}

constexpr std::pair<const char*, lua_CFunction> kFunctions[] = {
    {"escape_uri", escape_uri},
    {"unescape_uri", unescape_uri},
    {"encode_args", encode_args},
    {"decode_args", decode_args},
    {"encode_base64", encode_base64},
    {"decode_base64", decode_base64},
    {"md5", digest<base::Digest::kMd5, true>},
    {"md5_bin", digest<base::Digest::kMd5, false>},
    {"sha1_bin", digest<base::Digest::kSha1, false>},
    {"hmac_sha1", hmac_sha1},
    {"crc32_short", crc32},
    {"crc32_long", crc32},
    {"quote_sql_str", quote_sql_str}};

}  // namespace

void open_encode(lua_State* ngx) {
  for (const auto& [name, function] : kFunctions) set_function(ngx, name, function);
  preload(ngx, "ngx.base64", load_base64);
}

}  // namespace apisix::lua
