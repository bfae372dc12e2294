// Signature Version 4, by the example that AWS publishes and its test suite's credentials.
#include "shared/client/aws_signature.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace apisix::client {
namespace {

constexpr std::int64_t kAugust2015 = 1440938160;  // 2015-08-30T12:36:00Z
const AwsCredentials kExample = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};

std::string field(const std::vector<std::pair<std::string, std::string>>& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
  return found != fields.end() ? found->second : "";
}

TEST(AwsSignature, TheDate) {
  EXPECT_EQ(aws_date(kAugust2015), "20150830T123600Z");
}

TEST(AwsSignature, ThePublishedExample) {
  const AwsCall call{.service = "iam",
                     .region = "us-east-1",
                     .method = "GET",
                     .host = "iam.amazonaws.com",
                     .query = "Action=ListUsers&Version=2010-05-08",
                     .headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}}};
  const auto fields = sign(call, kExample, kAugust2015);
  EXPECT_EQ(field(fields, "authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
  EXPECT_EQ(field(fields, "x-amz-date"), "20150830T123600Z");
  EXPECT_EQ(field(fields, "x-amz-security-token"), "");
}

// "get-vanilla" of the test suite.
TEST(AwsSignature, WithoutAnythingOptional) {
  const AwsCall call{
      .service = "service", .region = "us-east-1", .method = "GET", .host = "example.amazonaws.com"};
  EXPECT_TRUE(field(sign(call, kExample, kAugust2015), "authorization")
                  .ends_with("Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
}

TEST(AwsSignature, ASessionIsSigned) {
  AwsCredentials session = kExample;
  session.session_token = "token";
  const AwsCall call{
      .service = "secretsmanager", .region = "eu-central-1", .host = "127.0.0.1:4566", .body = "{}"};
  const auto fields = sign(call, session, kAugust2015);
  EXPECT_EQ(field(fields, "x-amz-security-token"), "token");
  EXPECT_TRUE(field(fields, "authorization").contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"));
}

}  // namespace
}  // namespace apisix::client
