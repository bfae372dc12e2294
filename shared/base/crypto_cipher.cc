#include "shared/base/crypto_cipher.h"

#include <array>
#include <limits>
#include <memory>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "shared/base/crypto_openssl.h"

namespace apisix::base {
namespace {

using Cipher = std::unique_ptr<EVP_CIPHER, Freed<EVP_CIPHER_free>>;
using Context = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kTextBytesMax = std::numeric_limits<int>::max() - 2 * kBlockBytes;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::unexpected<Error> failed(const char* what) {
  ERR_clear_error();
  return invalid(what);
}

Cipher find_cipher(std::string_view name) {
  if (!name.starts_with("aes-")) return nullptr;
  Cipher cipher(EVP_CIPHER_fetch(nullptr, std::string(name).c_str(), nullptr));
  ERR_clear_error();
  if (!cipher) return nullptr;
  switch (EVP_CIPHER_get_mode(cipher.get())) {
    case EVP_CIPH_ECB_MODE:
    case EVP_CIPH_CBC_MODE:
    case EVP_CIPH_CFB_MODE:
    case EVP_CIPH_OFB_MODE:
    case EVP_CIPH_CTR_MODE:
    case EVP_CIPH_GCM_MODE:
      return cipher;
    default:
      return nullptr;
  }
}

bool is_gcm(const EVP_CIPHER* cipher) {
  return EVP_CIPHER_get_mode(cipher) == EVP_CIPH_GCM_MODE;
}

// Ready for the text; empty: the key or the IV does not fit.
Context prepared(const EVP_CIPHER* cipher, const CipherCall& call, bool encrypts) {
  if (call.key.size() != static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher))) return nullptr;
  const bool takes_iv = EVP_CIPHER_get_iv_length(cipher) > 0;
  if (is_gcm(cipher) ? call.iv.empty() || call.iv.size() > kTextBytesMax
                     : takes_iv && call.iv.size() != kBlockBytes) {
    return nullptr;
  }
  Context context(EVP_CIPHER_CTX_new());
  const int direction = encrypts ? 1 : 0;
  int written = 0;
  if (!context || EVP_CipherInit_ex(context.get(), cipher, nullptr, nullptr, nullptr, direction) != 1 ||
      (is_gcm(cipher) && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN,
                                             static_cast<int>(call.iv.size()), nullptr) != 1) ||
      EVP_CipherInit_ex(context.get(), nullptr, nullptr, bytes_of(call.key),
                        takes_iv ? bytes_of(call.iv) : nullptr, direction) != 1 ||
      (!call.is_padded && EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1) ||
      (is_gcm(cipher) && !call.additional.empty() &&
       EVP_CipherUpdate(context.get(), nullptr, &written, bytes_of(call.additional),
                        static_cast<int>(call.additional.size())) != 1)) {
    return nullptr;
  }
  return context;
}

Result<std::string> run(EVP_CIPHER_CTX* context, std::string_view in, const char* fault) {
  std::string out(in.size() + 2 * kBlockBytes, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  int written = 0;
  int last = 0;
  if (EVP_CipherUpdate(context, to, &written, bytes_of(in), static_cast<int>(in.size())) != 1 ||
      EVP_CipherFinal_ex(context, to + written, &last) != 1) {
    return failed(fault);
  }
  out.resize(static_cast<std::size_t>(written + last));
  return out;
}

}  // namespace

std::size_t cipher_key_bytes(std::string_view name) {
  const Cipher cipher = find_cipher(name);
  return cipher ? static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher.get())) : 0;
}

Result<Encrypted> encrypt(const CipherCall& call, std::string_view plain) {
  const Cipher cipher = find_cipher(call.name);
  if (!cipher) return failed("unknown cipher");
  if (plain.size() > kTextBytesMax || call.additional.size() > kTextBytesMax) return failed("too long");
  const Context context = prepared(cipher.get(), call, true);
  if (!context) return failed("EVP_EncryptInit_ex failed");
  auto text = run(context.get(), plain, "EVP_EncryptFinal_ex failed");
  if (!text) return std::unexpected(text.error());
  Encrypted out{.text = std::move(*text), .tag = {}};
  if (is_gcm(cipher.get())) {
    out.tag.resize(kCipherTagBytes);
    if (EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kCipherTagBytes, out.tag.data()) != 1)
      return failed("EVP_CIPHER_CTX_ctrl failed");
  }
  return out;
}

Result<std::string> decrypt(const CipherCall& call, std::string_view encrypted, std::string_view tag) {
  const Cipher cipher = find_cipher(call.name);
  if (!cipher) return failed("unknown cipher");
  if (encrypted.size() > kTextBytesMax || call.additional.size() > kTextBytesMax) return failed("too long");
  const Context context = prepared(cipher.get(), call, false);
  if (!context) return failed("EVP_DecryptInit_ex failed");
  if (is_gcm(cipher.get())) {
    // A shorter tag would be checked as far as it goes.
    if (tag.size() != kCipherTagBytes) return failed("EVP_DecryptFinal_ex failed");
    std::string copy(tag);
    if (EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kCipherTagBytes, copy.data()) != 1)
      return failed("EVP_CIPHER_CTX_ctrl failed");
  }
  return run(context.get(), encrypted, "EVP_DecryptFinal_ex failed");
}

Result<DerivedKey> derive_key(std::string_view cipher_name, Digest digest, std::string_view salt,
                              std::string_view password, int rounds) {
  const Cipher cipher = find_cipher(cipher_name);
  if (!cipher || (!salt.empty() && salt.size() != 8) || rounds < 1) return failed("bad key derivation");
  // Digests of the one before, the password and the salt, until there are bytes enough.
  const auto key_bytes = static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher.get()));
  const auto iv_bytes = static_cast<std::size_t>(EVP_CIPHER_get_iv_length(cipher.get()));
  std::string made;
  std::string block;
  while (made.size() < key_bytes + iv_bytes) {
    block.append(password).append(salt);
    for (int round = 0; round < rounds; ++round) block = digest_of(digest, block).view();
    made += block;
  }
  return DerivedKey{.key = made.substr(0, key_bytes), .iv = made.substr(key_bytes, iv_bytes)};
}

Result<std::string> random_bytes(std::size_t count) {
  if (count > kTextBytesMax) return failed("too many bytes");
  std::string out(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) != 1)
    return failed("RAND_bytes failed");
  return out;
}

}  // namespace apisix::base
