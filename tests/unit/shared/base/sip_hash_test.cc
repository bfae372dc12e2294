#include "shared/base/sip_hash.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace apisix::base {
namespace {

// The key 00 01 .. 0f of the published vectors.
constexpr SipKey kKey{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

TEST(SipHash, PublishedVectors) {
  const Hash128 empty = sip_hash_24("", kKey);
  EXPECT_EQ(empty.low, 0xe6a825ba047f81a3ULL);
  EXPECT_EQ(empty.high, 0x930255c71472f66dULL);
  const Hash128 one = sip_hash_24(std::string_view("\0", 1), kKey);
  EXPECT_EQ(one.low, 0x44af996bd8c187daULL);
  EXPECT_EQ(one.high, 0x45fc229b11597634ULL);
}

TEST(SipHash, EveryByteAndTheLengthCount) {
  std::set<std::uint64_t> seen;
  std::string text(40, 'a');
  for (std::size_t i = 0; i < text.size(); ++i) {
    seen.insert(sip_hash_13(text.substr(0, i), kKey).low);
    std::string other = text;
    other[i] = 'b';
    seen.insert(sip_hash_13(other, kKey).low);
  }
  EXPECT_EQ(seen.size(), 80u);
}

TEST(SipHash, DependsOnTheKey) {
  EXPECT_NE(sip_hash_13("route/1", kKey), sip_hash_13("route/1", SipKey{1, 2}));
  EXPECT_NE(sip_hash_13("", SipKey::random()), sip_hash_13("", SipKey::random()));
}

}  // namespace
}  // namespace apisix::base
