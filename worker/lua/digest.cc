// ngx.md5, md5_bin, sha1_bin, hmac_sha1, crc32_short, crc32_long.
#include "shared/base/crc32.h"
#include "shared/base/crypto_digest.h"
#include "worker/lua/argument.h"
#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

using base::Digest;

int md5(lua_State* lua) {
  push(lua, base::digest_of(Digest::kMd5, text_argument(lua, 1)).hex());
  return 1;
}

template <Digest Algorithm>
int bytes(lua_State* lua) {
  push(lua, base::digest_of(Algorithm, text_argument(lua, 1)).view());
  return 1;
}

int hmac_sha1(lua_State* lua) {
  if (lua_gettop(lua) != 2) {
    return luaL_error(lua, "expecting 2 arguments, but got %d", lua_gettop(lua));
  }
  const auto key = check_text(lua, 1);
  push(lua, base::hmac_of(Digest::kSha1, key, check_text(lua, 2)).view());
  return 1;
}

// nginx has two of them, for short and for long texts: the same sum.
int crc32(lua_State* lua) {
  lua_pushnumber(lua, base::crc32(text_argument(lua, 1)));
  return 1;
}

}  // namespace

void open_digest(lua_State* ngx) {
  set_function(ngx, "md5", md5);
  set_function(ngx, "md5_bin", bytes<Digest::kMd5>);
  set_function(ngx, "sha1_bin", bytes<Digest::kSha1>);
  set_function(ngx, "hmac_sha1", hmac_sha1);
  set_function(ngx, "crc32_short", crc32);
  set_function(ngx, "crc32_long", crc32);
}

}  // namespace apisix::lua
