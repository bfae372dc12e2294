#include "shared/store/etcd_endpoints.h"

#include <gtest/gtest.h>

namespace apisix::store {
namespace {

TEST(EtcdAddress, Forms) {
  struct Case {
    const char* url;
    bool tls;
    const char* host;
    int port;
  };
  for (const Case& c :
       {Case{"http://127.0.0.1:2379", false, "127.0.0.1", 2379},
        Case{"https://etcd.example.com:12379", true, "etcd.example.com", 12379},
        Case{"http://etcd", false, "etcd", 2379}, Case{"http://[::1]:2380", false, "::1", 2380},
        Case{"http://[::1]", false, "::1", 2379}, Case{"http://etcd:2379/", false, "etcd", 2379}}) {
    const auto parsed = parse_etcd_address(c.url);
    ASSERT_TRUE(parsed) << c.url;
    EXPECT_EQ(parsed->tls, c.tls) << c.url;
    EXPECT_EQ(parsed->host, c.host) << c.url;
    EXPECT_EQ(parsed->port, c.port) << c.url;
  }
  for (const char* bad : {"", "127.0.0.1:2379", "ftp://etcd:1", "http://", "http://:2379", "http://etcd:0",
                          "http://etcd:65536", "http://etcd:x", "http://[::1", "http://[::1]x"}) {
    EXPECT_FALSE(parse_etcd_address(bad)) << bad;
  }
}

TEST(EtcdEndpoints, StaysWithTheEndpointThatReplies) {
  EtcdEndpoints endpoints(3, 4, 1000);
  EXPECT_EQ(endpoints.pick(0), 1U);
  endpoints.mark_replied(1);
  EXPECT_EQ(endpoints.pick(10'000), 1U);
}

TEST(EtcdEndpoints, LeavesTheOneThatFailedAloneForAWhile) {
  EtcdEndpoints endpoints(3, 0, 1000);
  EXPECT_TRUE(endpoints.mark_failed(0, 100));
  EXPECT_FALSE(endpoints.mark_failed(0, 101));
  EXPECT_EQ(endpoints.pick(101), 1U);
  endpoints.mark_failed(1, 200);
  EXPECT_EQ(endpoints.pick(201), 2U);
  EXPECT_EQ(endpoints.pick(5000), 2U) << "the one that works is kept";
  endpoints.mark_failed(2, 5000);
  EXPECT_EQ(endpoints.pick(5001), 0U);
}

TEST(EtcdEndpoints, WhenAllFailedTheOneThatRestedLongestIsNext) {
  EtcdEndpoints endpoints(3, 0, 1000);
  endpoints.mark_failed(1, 10);
  endpoints.mark_failed(0, 20);
  endpoints.mark_failed(2, 30);
  EXPECT_EQ(endpoints.pick(40), 1U);
  endpoints.mark_failed(1, 40);
  EXPECT_EQ(endpoints.pick(50), 0U);
}

TEST(EtcdEndpoints, OneAloneIsAlwaysNext) {
  EtcdEndpoints endpoints(1, 7, 1000);
  endpoints.mark_failed(0, 10);
  EXPECT_EQ(endpoints.pick(11), 0U);
}

}  // namespace
}  // namespace apisix::store
