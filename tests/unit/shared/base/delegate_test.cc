#include "shared/base/delegate.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace apisix::base {
namespace {

struct Adder {
  int add(int value) { return sum += value; }
  int sum = 0;
};

TEST(Delegate, AnEmptyOneIsNotSet) {
  const Delegate<void()> none;
  EXPECT_FALSE(none);
}

TEST(Delegate, CallsTheFunctionWithItsContext) {
  std::string log;
  const Delegate<void(const std::string&)> append(
      [](void* context, const std::string& text) { *static_cast<std::string*>(context) += text; }, &log);
  EXPECT_TRUE(append);
  append("a");
  append("b");
  EXPECT_EQ(log, "ab");
}

TEST(Delegate, CallsAMemberAndGivesItsResult) {
  Adder adder;
  const auto add = Delegate<int(int)>::of<&Adder::add>(adder);
  EXPECT_EQ(add(2), 2);
  EXPECT_EQ(add(3), 5);
  EXPECT_EQ(adder.sum, 5);
}

TEST(Delegate, ArgumentsThatCannotBeCopiedAreMoved) {
  std::unique_ptr<int> kept;
  const Delegate<void(std::unique_ptr<int>)> keep(
      [](void* context, std::unique_ptr<int> value) {
        *static_cast<std::unique_ptr<int>*>(context) = std::move(value);
      },
      &kept);
  keep(std::make_unique<int>(7));
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, 7);
}

}  // namespace
}  // namespace apisix::base
