// AES in its modes, and the way that OpenSSL makes a key of a password. For texts of users' own code, which
// chooses the mode; the gateway itself uses crypto.h.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/crypto_digest.h"
#include "shared/base/result.h"

namespace apisix::base {

struct CipherCall {
  // Of OpenSSL: "aes-128-cbc". AES only, in the modes ECB, CBC, CFB, OFB, CTR and GCM.
  std::string_view name;
  std::string_view key;              // as long as the name says
  std::string_view iv;               // 16 bytes; of GCM any number from 1 on
  std::string_view additional = {};  // GCM: authenticated, not encrypted
  bool is_padded = true;             // PKCS#7, of ECB and CBC
};

inline constexpr std::size_t kCipherTagBytes = 16;

// In bytes; 0 for a cipher that is not known here.
std::size_t cipher_key_bytes(std::string_view name);

struct Encrypted {
  std::string text;
  std::string tag;  // of GCM, else empty
};
Result<Encrypted> encrypt(const CipherCall& call, std::string_view plain);
// kInvalid: another key, or not what was encrypted.
Result<std::string> decrypt(const CipherCall& call, std::string_view encrypted, std::string_view tag);

struct DerivedKey {
  std::string key;
  std::string iv;
};
// EVP_BytesToKey: MD5 (or another digest) of the password, `rounds` times. `salt` has 8 bytes or none.
Result<DerivedKey> derive_key(std::string_view cipher, Digest digest, std::string_view salt,
                              std::string_view password, int rounds);

// From OpenSSL's generator; for keys.
Result<std::string> random_bytes(std::size_t count);

}  // namespace apisix::base
