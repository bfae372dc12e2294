#include "shared/base/sip_hash.h"

#include <bit>
#include <cerrno>
#include <cstring>

#include <sys/random.h>

#include "shared/base/check.h"

namespace apisix::base {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  template <int kRounds>
  void absorb(std::uint64_t word) {
    v3 ^= word;
    for (int i = 0; i < kRounds; ++i) round();
    v0 ^= word;
  }

  template <int kRounds>
  std::uint64_t finish(std::uint64_t& lane, std::uint64_t constant) {
    lane ^= constant;
    for (int i = 0; i < kRounds; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

std::uint64_t load_word(const char* at, std::size_t bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, bytes);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

template <int kCompress, int kFinish>
Hash128 sip_hash(std::string_view text, const SipKey& key) {
  State state{key.k0 ^ 0x736f6d6570736575ULL, key.k1 ^ 0x646f72616e646f6dULL ^ 0xee,
              key.k0 ^ 0x6c7967656e657261ULL, key.k1 ^ 0x7465646279746573ULL};
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; at += 8, left -= 8) state.absorb<kCompress>(load_word(at, 8));
  const std::uint64_t tail = left == 0 ? 0 : load_word(at, left);
  state.absorb<kCompress>(tail | static_cast<std::uint64_t>(text.size()) << 56);
  Hash128 out;
  out.low = state.finish<kFinish>(state.v2, 0xee);
  out.high = state.finish<kFinish>(state.v1, 0xdd);
  return out;
}

}  // namespace

SipKey SipKey::random() {
  SipKey key;
  ssize_t got = -1;
  do {
    got = ::getrandom(&key, sizeof key, 0);
  } while (got < 0 && errno == EINTR);
  CHECK(got == static_cast<ssize_t>(sizeof key));
  return key;
}

Hash128 sip_hash_13(std::string_view text, const SipKey& key) {
  return sip_hash<1, 3>(text, key);
}

Hash128 sip_hash_24(std::string_view text, const SipKey& key) {
  return sip_hash<2, 4>(text, key);
}

}  // namespace apisix::base
