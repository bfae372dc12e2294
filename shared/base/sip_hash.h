// SipHash with 128 bits of output: a keyed hash: collisions cannot be searched for without the key. For
// tables whose keys clients choose and whose entries are identified by their hash alone.
// Rounds: 1-3 is what tables use; 2-4 is the version that has published test vectors.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace apisix::base {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;

  // From the kernel's random numbers.
  static SipKey random();
};

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  bool operator==(const Hash128&) const = default;
};

Hash128 sip_hash_13(std::string_view text, const SipKey& key);
Hash128 sip_hash_24(std::string_view text, const SipKey& key);

}  // namespace apisix::base
