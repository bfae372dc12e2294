#include "shared/format/built.h"

#include <gtest/gtest.h>

#include "shared/base/check.h"
#include "shared/format/json.h"

namespace apisix::format {
namespace {

TEST(Built, WhatIsReturnedPasses) {
  EXPECT_EQ(built([]() -> base::Result<int> { return 7; }), 7);
  EXPECT_EQ(built([]() -> base::Result<int> { return base::invalid("no"); }).error().what, "no");
}

TEST(Built, AnExceptionIsAnError) {
  const auto result = built([]() -> base::Result<int> { return Json("text").asInt(); });
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().what.starts_with("it cannot be built: ")) << result.error().what;
}

TEST(Built, AFailedCheckIsAnErrorInsideAndTheEndOutside) {
  const auto result = built([]() -> base::Status {
    CHECK(1 + 1 == 3);
    return {};
  });
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().what.contains("1 + 1 == 3")) << result.error().what;
  EXPECT_DEATH(CHECK(1 + 1 == 3), "1 \\+ 1 == 3");
}

}  // namespace
}  // namespace apisix::format
