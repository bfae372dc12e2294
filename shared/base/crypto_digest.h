// Digests and HMAC (RFC 2104) over texts that are in memory. Results are raw bytes on the stack: hashing
// allocates nothing of ours.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apisix::base {

// MD5 and SHA-1 are for protocols that name them; nothing new should.
enum class Digest : std::uint8_t { kMd5, kSha1, kSha256, kSha384, kSha512, kSha224 };

class DigestBytes {
 public:
  std::string_view view() const { return {bytes_.data(), size_}; }
  std::string hex() const;

 private:
  friend DigestBytes digest_of(Digest digest, std::string_view text);
  friend DigestBytes hmac_of(Digest digest, std::string_view key, std::string_view text);

  std::array<char, 64> bytes_{};
  std::size_t size_ = 0;
};

// "md5" ... "sha512", in any case of letters.
std::optional<Digest> find_digest(std::string_view name);

DigestBytes digest_of(Digest digest, std::string_view text);
DigestBytes hmac_of(Digest digest, std::string_view key, std::string_view text);

}  // namespace apisix::base
