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

TEST(IdentityFields, AreRemovedInEverySpellingAndNothingElse) {
  base::Arena arena;
  HeaderMap headers;
  remove_consumer_fields(headers);
  for (const char* name : {"Host", "x_consumer_username", "X-Consumer-Usernam", "X-Credential-Identifier",
                           "X-Consumer.Custom-ID", "X-Other"}) {
    ASSERT_TRUE(headers.add(arena, name, "v"));
  }
  remove_consumer_fields(headers);
  std::string left;
  for (const HeaderField& field : headers) left.append(field.name).append(" ");
  EXPECT_EQ(left, "Host X-Consumer-Usernam X-Other ");
}

}  // namespace
}  // namespace apisix::http
