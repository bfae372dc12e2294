#include "shared/base/crypto_digest.h"

#include <array>
#include <limits>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "shared/base/check.h"
#include "shared/base/text.h"

namespace apisix::base {
namespace {

// Fetched once: looking an algorithm up costs more than hashing a short text. Lives as long as the process.
const EVP_MD* algorithm_of(Digest digest) {
  static const std::array<const EVP_MD*, 6> all = {
      EVP_MD_fetch(nullptr, "MD5", nullptr),    EVP_MD_fetch(nullptr, "SHA1", nullptr),
      EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_fetch(nullptr, "SHA384", nullptr),
      EVP_MD_fetch(nullptr, "SHA512", nullptr), EVP_MD_fetch(nullptr, "SHA224", nullptr)};
  const EVP_MD* found = all[static_cast<std::size_t>(digest)];
  CHECK(found != nullptr);
  return found;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string DigestBytes::hex() const {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * size_);
  for (const char c : view()) {
    const auto byte = static_cast<unsigned char>(c);
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::optional<Digest> find_digest(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kNames = {"md5",    "sha1",   "sha256",
                                                             "sha384", "sha512", "sha224"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (equals_ignore_case(name, kNames[i])) return static_cast<Digest>(i);
  }
  return std::nullopt;
}

DigestBytes digest_of(Digest digest, std::string_view text) {
  DigestBytes out;
  unsigned size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.bytes_.data()), &size,
                   algorithm_of(digest), nullptr) == 1);
  out.size_ = size;
  return out;
}

DigestBytes hmac_of(Digest digest, std::string_view key, std::string_view text) {
  CHECK(key.size() <= std::numeric_limits<int>::max());
  DigestBytes out;
  unsigned size = 0;
  // A null key would mean: the one of the call before.
  const char* key_data = key.empty() ? "" : key.data();
  CHECK(HMAC(algorithm_of(digest), key_data, static_cast<int>(key.size()), bytes_of(text), text.size(),
             reinterpret_cast<unsigned char*>(out.bytes_.data()), &size) != nullptr);
  out.size_ = size;
  return out;
}

}  // namespace apisix::base
