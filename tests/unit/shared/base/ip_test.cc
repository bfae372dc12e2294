#include "shared/base/ip.h"

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

}  // namespace
}  // namespace apisix::base
