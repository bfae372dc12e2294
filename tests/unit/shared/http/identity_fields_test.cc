#include "shared/http/identity_fields.h"

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

TEST(IdentityFields, AreKnownInEverySpelling) {
  for (const char* name : {"X-Consumer-Username", "x_consumer_username", "X-CREDENTIAL_IDENTIFIER",
                           "x-consumer-custom-id", "X.Consumer.Username", "X-Consumer!Custom~ID"})
    EXPECT_TRUE(is_consumer_field(name)) << name;
}

TEST(IdentityFields, AreNotWhatOnlyLooksAlike) {
  for (const char* name :
       {"", "X-Consumer-Usernam", "X-Consumer-Username2", "XConsumer-Username", "X-Consumer--Username"})
    EXPECT_FALSE(is_consumer_field(name)) << name;
}

}  // namespace
}  // namespace apisix::http
