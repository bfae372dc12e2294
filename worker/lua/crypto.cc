// The module gateway.crypto, for the stand-ins of resty.*: digests, HMAC, AES, random bytes, signatures.
// Results are raw bytes; what fails is nil and a text.
#include "shared/base/crypto.h"

#include <string>

#include "shared/base/crypto_cipher.h"
#include "shared/base/crypto_digest.h"
#include "shared/base/crypto_key.h"
#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

constexpr lua_Integer kRandomBytesMax = 1 << 20;

// digest(name, text)
int digest(lua_State* lua) {
  const auto found = base::find_digest(check_text(lua, 1));
  if (!found) return push_error(lua, "unknown digest");
  push(lua, base::digest_of(*found, check_text(lua, 2)).view());
  return 1;
}

// hmac(name, key, text)
int hmac(lua_State* lua) {
  const auto found = base::find_digest(check_text(lua, 1));
  if (!found) return push_error(lua, "unknown digest");
  const auto key = check_text(lua, 2);
  push(lua, base::hmac_of(*found, key, check_text(lua, 3)).view());
  return 1;
}

int random(lua_State* lua) {
  const auto count = luaL_checkinteger(lua, 1);
  luaL_argcheck(lua, count >= 0 && count <= kRandomBytesMax, 1, "out of range");
  const auto bytes = base::random_bytes(static_cast<std::size_t>(count));
  if (!bytes) return push_error(lua, bytes.error().what);
  push(lua, *bytes);
  return 1;
}

// key_bytes(cipher): 0 for one that is not known.
int key_bytes(lua_State* lua) {
  lua_pushinteger(lua, static_cast<lua_Integer>(base::cipher_key_bytes(check_text(lua, 1))));
  return 1;
}

// derive_key(cipher, digest, salt, password, rounds) -> key, iv
int derive_key(lua_State* lua) {
  const auto cipher = check_text(lua, 1);
  const auto found = base::find_digest(check_text(lua, 2));
  if (!found) return push_error(lua, "unknown digest");
  const auto made = base::derive_key(cipher, *found, text_at(lua, 3), check_text(lua, 4),
                                     static_cast<int>(luaL_optinteger(lua, 5, 1)));
  if (!made) return push_error(lua, made.error().what);
  push(lua, made->key);
  push(lua, made->iv);
  return 2;
}

// (cipher, key, iv, text, is_padded, additional data, tag)
base::CipherCall cipher_call(lua_State* lua) {
  return {.name = check_text(lua, 1),
          .key = check_text(lua, 2),
          .iv = text_at(lua, 3),
          .additional = text_at(lua, 6),
          .is_padded = lua_isnoneornil(lua, 5) || lua_toboolean(lua, 5) != 0};
}

// -> text, and of GCM its tag
int encrypt(lua_State* lua) {
  const auto call = cipher_call(lua);
  const auto made = base::encrypt(call, check_text(lua, 4));
  if (!made) return push_error(lua, made.error().what);
  push(lua, made->text);
  if (made->tag.empty()) return 1;
  push(lua, made->tag);
  return 2;
}

int decrypt(lua_State* lua) {
  const auto call = cipher_call(lua);
  const auto plain = base::decrypt(call, check_text(lua, 4), text_at(lua, 7));
  if (!plain) return push_error(lua, plain.error().what);
  push(lua, *plain);
  return 1;
}

// sign("RS256", private key in PEM, text)
int sign(lua_State* lua) {
  const auto algorithm = base::find_signature_algorithm(check_text(lua, 1));
  if (!algorithm) return push_error(lua, "unknown algorithm");
  const auto key = base::PrivateKey::from_pem(check_text(lua, 2));
  if (!key) return push_error(lua, key.error().what);
  const auto signature = key->sign(*algorithm, check_text(lua, 3));
  if (!signature) return push_error(lua, signature.error().what);
  push(lua, *signature);
  return 1;
}

// verify("RS256", public key or certificate in PEM, text, signature) -> true | false; nil: no such key
int verify(lua_State* lua) {
  const auto algorithm = base::find_signature_algorithm(check_text(lua, 1));
  if (!algorithm) return push_error(lua, "unknown algorithm");
  const auto key = base::PublicKey::from_pem(check_text(lua, 2));
  if (!key) return push_error(lua, key.error().what);
  const auto text = check_text(lua, 3);
  lua_pushboolean(lua, key->verifies(*algorithm, text, check_text(lua, 4)) ? 1 : 0);
  return 1;
}

// is_key(PEM): of a public or private key or a certificate.
int is_key(lua_State* lua) {
  lua_pushboolean(lua, base::PublicKey::from_pem(check_text(lua, 1)).has_value() ? 1 : 0);
  return 1;
}

// The same text, in a time that does not say where they differ.
int equals(lua_State* lua) {
  const auto a = check_text(lua, 1);
  lua_pushboolean(lua, base::equals_in_constant_time(a, check_text(lua, 2)) ? 1 : 0);
  return 1;
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "digest", digest);
  set_function(lua, "hmac", hmac);
  set_function(lua, "random", random);
  set_function(lua, "key_bytes", key_bytes);
  set_function(lua, "derive_key", derive_key);
  set_function(lua, "encrypt", encrypt);
  set_function(lua, "decrypt", decrypt);
  set_function(lua, "sign", sign);
  set_function(lua, "verify", verify);
  set_function(lua, "is_key", is_key);
  set_function(lua, "equals", equals);
  return 1;
}

}  // namespace

void open_crypto(lua_State* ngx) {
  preload(ngx, "gateway.crypto", load);
}

}  // namespace apisix::lua
