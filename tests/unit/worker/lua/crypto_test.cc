// The expected values are from python3 (hashlib, hmac) and the command openssl.
#include "tests/unit/shared/base/test_keys.h"
#include "tests/unit/worker/lua/chunk_table.h"

namespace apisix::lua {
namespace {

TEST(Crypto, HasDigestsInPieces) {
  expect_chunks({
      {"local hex = require('resty.string').to_hex local d = require('resty.sha224'):new() d:update('a') "
       "d:update('bc') return hex(d:final())",
       "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
      {"local hex = require('resty.string').to_hex local d = require('resty.sha512'):new() d:update('abc') "
       "return hex(d:final()):sub(1, 16)",
       "ddaf35a193617aba"},
      {"local h = require('resty.hmac') return h:new('k', h.ALGOS.SHA256):final('v', true)",
       "c5d4be1992d50d3b41f9a21292fc67a28a1486fc64a0517d37f9af847e0732de"},
      {"return #require('resty.random').bytes(20, true)", "20"},
      {"return require('resty.string').atoi('42'), require('gateway.crypto').digest('md4', '')",
       "42|nil|unknown digest"},
  });
}

TEST(Crypto, EncryptsWithAes) {
  expect_chunks({
      {"local aes, hex = require('resty.aes'), require('resty.string').to_hex "
       "local a = aes:new('0123456789abcdef', nil, aes.cipher(128, 'cbc'), {iv = 'fedcba9876543210'}) "
       "local e = a:encrypt('hello') return hex(e), a:decrypt(e)",
       "7bedceb0655f38941069789f36462091|hello"},
      {"local aes, hex = require('resty.aes'), require('resty.string').to_hex "
       "return hex(aes:new('secret', '12345678'):encrypt('hello'))",
       "e9a25c39ce4e8d7802a1829da11a6139"},
      {"local aes, hex = require('resty.aes'), require('resty.string').to_hex "
       "return hex(aes:new('secret', '12345678', aes.cipher(256, 'cbc'), aes.hash.sha512):encrypt('hello'))",
       "b6474c9a01f814d8e1bfc770e925feb7"},
      {"local hex = require('resty.string').to_hex return hex(require('gateway.crypto').encrypt("
       "'aes-128-ecb', '0123456789abcdef', nil, 'hello'))",
       "674c7ef38e78cabd9cec9c125823a639"},
      {"local aes = require('resty.aes') "
       "local a = aes:new(('k'):rep(32), nil, aes.cipher(256, 'gcm'), {iv = ('i'):rep(12)}) "
       "local e = a:encrypt('hello', 'aad') "
       "return a:decrypt(e[1], e[2], 'aad'), (a:decrypt(e[1], e[2], 'other')), "
       "(a:decrypt(e[1], e[2]:sub(1, 4), 'aad'))",
       "hello|nil|nil"},
      {"local aes = require('resty.aes') return aes:new('short', nil, aes.cipher(), {iv = ('i'):rep(16)})",
       "nil|bad key length"},
      {"return require('resty.aes'):new('k', 'salt')", "nil|salt must be 8 characters or nil"},
  });
}

constexpr std::string_view kToken =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ4In0.x8-bgmsMhBD8J70rvBzuZO0XjcWAVzrTFLJgLgsxMGA";
constexpr std::string_view kExpired =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ4IiwiZXhwIjoxMDAwfQ."
    "DiPKWsafgvXwo92TsyinqqFVO9mbVyTbPjVmmjWD1n8";

std::string verify(LuaState& lua, std::string_view token, std::string_view secret) {
  return lua.eval("local o = require('resty.jwt'):verify('" + std::string(secret) + "', '" +
                  std::string(token) + "') return o.verified, o.reason, o.payload and o.payload.sub");
}

TEST(Jwt, VerifiesTokens) {
  LuaState lua;
  EXPECT_EQ(verify(lua, kToken, "key"), "true|everything is awesome~ :p|x");
  EXPECT_EQ(verify(lua, kToken, "other"),
            "false|signature mismatch: x8-bgmsMhBD8J70rvBzuZO0XjcWAVzrTFLJgLgsxMGA|x");
  EXPECT_EQ(verify(lua, kExpired, "key"), "false|'exp' claim expired at Thu, 01 Jan 1970 00:16:40 GMT|x");
  EXPECT_EQ(verify(lua, "abc", "key"), "false|invalid jwt string|nil");
  EXPECT_EQ(verify(lua, "*.e30.x", "key"), "false|invalid header: *|nil");
}

TEST(Jwt, SignsWhatItVerifies) {
  LuaState lua;
  const std::string keys = "local private, public = [[" + std::string(base::kRsaPrivate) + "]], [[" +
                           std::string(base::kRsaPublic) + "]] ";
  EXPECT_EQ(lua.eval(keys + R"(
    local jwt = require('resty.jwt')
    local token = jwt:sign(private, {header = {typ = 'JWT', alg = 'RS256'}, payload = {a = 1}})
    local good = jwt:verify(public, token)
    local forged = token:gsub('%.[^.]+%.', '.' .. jwt:jwt_encode({a = 2}) .. '.')
    local bad = jwt:verify(public, forged)
    return good.verified, good.payload.a, bad.verified, bad.reason)"),
            "true|1|false|Verification failed");
  EXPECT_EQ(lua.eval("return pcall(require('resty.jwt').sign, require('resty.jwt'), 'k', "
                     "{header = {alg = 'none'}, payload = {}})")
                .substr(0, 5),
            "false");
}

TEST(FfiSymbols, AreFoundByLibraries) {
  expect_chunks({
      {"local ffi = require('ffi') ffi.cdef[[unsigned char *ngx_hex_dump(unsigned char *to, "
       "const unsigned char *from, size_t n); intptr_t ngx_hextoi(unsigned char *line, size_t n);]] "
       "local to = ffi.new('unsigned char[4]') ffi.C.ngx_hex_dump(to, '\\1\\171', 2) "
       "return ffi.string(to, 4), tonumber(ffi.C.ngx_hextoi(to, 4))",
       "01ab|427"},
      {"local ffi = require('ffi') ffi.cdef[[unsigned long OpenSSL_version_num(void);]] "
       "return tonumber(ffi.C.OpenSSL_version_num()) > 0",
       "true"},
  });
}

}  // namespace
}  // namespace apisix::lua
