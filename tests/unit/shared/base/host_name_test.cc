#include "shared/base/host_name.h"

#include <gtest/gtest.h>

namespace apisix::base {
namespace {

TEST(HostName, OneDotAtTheEndIsNoPartOfIt) {
  EXPECT_EQ(comparable_host("foo.com."), "foo.com");
  EXPECT_EQ(comparable_host("FOO.com.:8080"), "foo.com:8080");
  EXPECT_EQ(comparable_host("*.Foo.com."), "*.foo.com");
  EXPECT_EQ(comparable_host("localhost."), "localhost");
}

TEST(HostName, OthersStayAsTheyAre) {
  for (const char* host :
       {"foo.com", "foo.com:80", "*.foo.com", "*", "[::1]", "[::ffff:1.2.3.4]:80", "10.0.0.1"}) {
    EXPECT_EQ(comparable_host(host), host);
  }
}

// Without its dot the first would match every host; the others are no names.
TEST(HostName, WhatIsNoNameDoesNotBecomeOne) {
  for (const char* host : {"*.", ".", "foo..", "foo..:80", "", ":80"}) {
    EXPECT_EQ(comparable_host(host), host);
  }
}

TEST(HostName, ServerNameIsTheHostWithoutItsPort) {
  EXPECT_EQ(server_name_of("example.com"), "example.com");
  EXPECT_EQ(server_name_of("example.com:8443"), "example.com");
  EXPECT_EQ(server_name_of("example.com.:8443"), "example.com");
  EXPECT_EQ(server_name_of("192.0.2.1:443"), "192.0.2.1");
  EXPECT_EQ(server_name_of("[2001:db8::1]:443"), "2001:db8::1");
  EXPECT_EQ(server_name_of("[2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(server_name_of("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(server_name_of(""), "");
  EXPECT_EQ(server_name_of("["), "");
}

}  // namespace
}  // namespace apisix::base
