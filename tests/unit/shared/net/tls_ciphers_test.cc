#include "shared/net/tls_ciphers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::net {
namespace {

using ::testing::ElementsAre;

TEST(TlsCiphersTest, NamesThatOpensslPassesOverAreSaid) {
  EXPECT_THAT(
      unknown_tls_ciphers("ECDHE-RSA-AES128-GCM-SHA256:HIGH:!aNULL:!NOTHING:-MD5:+RSA:@STRENGTH").value(),
      ElementsAre());
  EXPECT_THAT(unknown_tls_ciphers("DEFAULT").value(), ElementsAre());
  EXPECT_THAT(unknown_tls_ciphers("ECDHE-RSA-AES129-GCM-SHA256:HIGH,TLS_AES_128_GCM_SHA256").value(),
              ElementsAre("ECDHE-RSA-AES129-GCM-SHA256", "TLS_AES_128_GCM_SHA256"));
}

TEST(TlsCiphersTest, ListWithoutACipherIsAnError) {
  EXPECT_EQ(unknown_tls_ciphers("ONE:OTHER").error().what,
            "OpenSSL has no cipher of this list for TLS 1.2 and below: it does not know ONE, OTHER");
  EXPECT_FALSE(unknown_tls_ciphers("HIGH:!ALL"));
}

}  // namespace
}  // namespace apisix::net
