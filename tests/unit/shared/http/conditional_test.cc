#include "shared/http/conditional.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

constexpr std::string_view kTag = "\"5f-10\"";
constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view kEarlier = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr std::string_view kLater = "Sun, 06 Nov 1994 08:49:38 GMT";
constexpr std::int64_t kDateSeconds = 784'111'777;

Condition evaluate(std::initializer_list<std::pair<KnownHeader, std::string_view>> fields,
                   std::string_view etag = kTag) {
  base::Arena arena;
  HeaderMap headers;
  for (const auto& [name, value] : fields) headers.add(arena, name, value);
  return evaluate_conditions(headers, {.etag = etag, .last_modified_s = kDateSeconds});
}

TEST(Conditional, WithoutAnyItHolds) {
  EXPECT_EQ(evaluate({}), Condition::kHolds);
}

TEST(Conditional, IfNoneMatch) {
  constexpr auto kField = KnownHeader::kIfNoneMatch;
  EXPECT_EQ(evaluate({{kField, kTag}}), Condition::kNotModified);
  EXPECT_EQ(evaluate({{kField, "W/\"5f-10\""}}), Condition::kNotModified);
  EXPECT_EQ(evaluate({{kField, " \"a\" , \"5f-10\""}}), Condition::kNotModified);
  EXPECT_EQ(evaluate({{kField, "\"a,b\",\"5f-10\",\"c\""}}), Condition::kNotModified);
  EXPECT_EQ(evaluate({{kField, "\"a\""}, {kField, kTag}}), Condition::kNotModified);
  EXPECT_EQ(evaluate({{kField, " * "}}), Condition::kNotModified);
  EXPECT_EQ(evaluate({{kField, "\"5f-11\""}}), Condition::kHolds);
  EXPECT_EQ(evaluate({{kField, "5f-10"}}), Condition::kHolds);
  EXPECT_EQ(evaluate({{kField, "\"a,\"5f-10\""}}), Condition::kHolds);  // a quote that nothing closes
  EXPECT_EQ(evaluate({{kField, ",,"}}), Condition::kHolds);
  EXPECT_EQ(evaluate({{kField, ""}}), Condition::kHolds);
}

TEST(Conditional, IfModifiedSinceAsksForTheVeryDate) {
  constexpr auto kField = KnownHeader::kIfModifiedSince;
  EXPECT_EQ(evaluate({{kField, kDate}}), Condition::kNotModified);
  EXPECT_EQ(evaluate({{kField, kEarlier}}), Condition::kHolds);
  EXPECT_EQ(evaluate({{kField, kLater}}), Condition::kHolds);
  EXPECT_EQ(evaluate({{kField, "yesterday"}}), Condition::kHolds);
}

TEST(Conditional, TagsAreAskedBeforeDates) {
  EXPECT_EQ(evaluate({{KnownHeader::kIfNoneMatch, "\"other\""}, {KnownHeader::kIfModifiedSince, kDate}}),
            Condition::kHolds);
  EXPECT_EQ(evaluate({{KnownHeader::kIfMatch, kTag}, {KnownHeader::kIfUnmodifiedSince, kEarlier}}),
            Condition::kHolds);
}

TEST(Conditional, IfMatch) {
  constexpr auto kField = KnownHeader::kIfMatch;
  EXPECT_EQ(evaluate({{kField, kTag}}), Condition::kHolds);
  EXPECT_EQ(evaluate({{kField, "*"}}), Condition::kHolds);
  EXPECT_EQ(evaluate({{kField, "\"other\""}}), Condition::kFailed);
  // Weak tags never match strongly.
  EXPECT_EQ(evaluate({{kField, "W/\"5f-10\""}}, "W/\"5f-10\""), Condition::kFailed);
  EXPECT_EQ(evaluate({{kField, kTag}, {KnownHeader::kIfNoneMatch, kTag}}), Condition::kNotModified);
}

TEST(Conditional, IfUnmodifiedSince) {
  constexpr auto kField = KnownHeader::kIfUnmodifiedSince;
  EXPECT_EQ(evaluate({{kField, kDate}}), Condition::kHolds);
  EXPECT_EQ(evaluate({{kField, kLater}}), Condition::kHolds);
  EXPECT_EQ(evaluate({{kField, kEarlier}}), Condition::kFailed);
  EXPECT_EQ(evaluate({{kField, "never"}}), Condition::kHolds);
}

}  // namespace
}  // namespace apisix::http
