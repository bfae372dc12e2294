#include "worker/plugin/forwarded_address.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::plugin {
namespace {

// "ip port", "ip" without one, "" for no address.
std::string read(std::string_view text) {
  const auto address = parse_forwarded_address(text);
  if (!address) return "";
  return address->port ? address->ip.to_string() + " " + std::to_string(*address->port)
                       : address->ip.to_string();
}

TEST(ForwardedAddress, IsReadWithAndWithoutAPort) {
  EXPECT_EQ(read("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(read(" 192.0.2.1\t"), "192.0.2.1");
  EXPECT_EQ(read("192.0.2.1:80"), "192.0.2.1 80");
  EXPECT_EQ(read("192.0.2.1:65535"), "192.0.2.1 65535");
  EXPECT_EQ(read("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(read("::1"), "::1");
  EXPECT_EQ(read("[2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(read("[::1]:80"), "::1 80");
}

TEST(ForwardedAddress, IsNoneWhenAnyPartOfItIsNot) {
  for (const char* text : {"",
                           " ",
                           ":",
                           "unknown",
                           "a:80",
                           "192.0.2.1:0",
                           "192.0.2.1:65536",
                           "192.0.2.1:",
                           "192.0.2.1:x",
                           "192.0.2.1:80:90",
                           "[192.0.2.1]:80",
                           "[::1",
                           "::1]:80",
                           "[::1]80",
                           "[::1]:",
                           "[::1]:0",
                           "[]:80",
                           "2001:db8:1:2:3:4:5:6:80",
                           "192.0.2.1 192.0.2.2",
                           "192.0.2.1:+80"}) {
    EXPECT_EQ(read(text), "") << text;
  }
}

}  // namespace
}  // namespace apisix::plugin
