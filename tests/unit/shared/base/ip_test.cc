#include "shared/base/ip.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace apisix::base {
namespace {

bool contains(const char* block, const char* address) {
  return Cidr::parse(block).value().contains(IpAddress::parse(address).value());
}

TEST(Cidr, AV6BlockNeverContainsAV4Address) {
  EXPECT_FALSE(contains("::/0", "192.0.2.1"));
  EXPECT_FALSE(contains("::/80", "192.0.2.1"));
  EXPECT_TRUE(contains("::/0", "2001:db8::1"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contains("0.0.0.0/0", "192.0.2.1"));
  EXPECT_TRUE(contains("192.0.2.0/24", "::ffff:192.0.2.1"));
}

TEST(IpAddress, TextOfVersion4IsTheSystems) {
  for (unsigned octet = 0; octet < 256; ++octet) {
    const unsigned other = 255 - octet;
    const std::string text = std::to_string(octet) + "." + std::to_string(other) + "." +
                             std::to_string(octet / 7) + "." + std::to_string(octet);
    std::array<std::uint8_t, 4> bytes{static_cast<std::uint8_t>(octet), static_cast<std::uint8_t>(other),
                                      static_cast<std::uint8_t>(octet / 7), static_cast<std::uint8_t>(octet)};
    char expected[INET_ADDRSTRLEN];
    ASSERT_NE(::inet_ntop(AF_INET, bytes.data(), expected, sizeof expected), nullptr);
    ASSERT_EQ(text, expected);
    EXPECT_EQ(IpAddress::parse(text).value().to_string(), expected);
  }
}

}  // namespace
}  // namespace apisix::base
