#include "shared/base/keyring.h"

#include "shared/base/base64.h"
#include "shared/base/check.h"
#include "shared/base/crypto.h"

namespace apisix::base {
namespace {

constexpr std::string_view kPemBegin = "---";
constexpr std::size_t kIvBytes = 16;

}  // namespace

std::string Keyring::encrypt(std::string_view plain) const {
  if (keys_.empty()) return std::string(plain);
  const std::string_view key = keys_.front();
  const auto encrypted = encrypt_aes_cbc(key, key.substr(0, kIvBytes), plain);
  CHECK(encrypted.has_value());
  return encode_base64(*encrypted);
}

Result<std::string> Keyring::decrypt(std::string_view stored) const {
  if (keys_.empty()) return std::string(stored);
  const auto bytes = decode_base64(stored);
  if (!bytes) return invalid("base64 decode failed");
  for (const std::string_view key : keys_) {
    auto plain = decrypt_aes_cbc(key, key.substr(0, kIvBytes), *bytes);
    if (plain) return plain;
  }
  return invalid("decrypt failed");
}

std::string Keyring::encrypt_pem(std::string_view text) const {
  return text.starts_with(kPemBegin) ? encrypt(text) : std::string(text);
}

Result<std::string> Keyring::decrypt_pem(std::string_view stored) const {
  return stored.starts_with(kPemBegin) ? std::string(stored) : decrypt(stored);
}

}  // namespace apisix::base
