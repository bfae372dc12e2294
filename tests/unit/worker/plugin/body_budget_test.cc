#include "worker/plugin/body_budget.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "worker/plugin/held_text.h"

namespace apisix::plugin {
namespace {

using Use = BodyBudget::Use;

struct BodyBudgetTest : testing::Test {
  base::Clock clock;
  BodyBudget budget{1000, clock};
};

TEST_F(BodyBudgetTest, AChargeIsGivenBackWhenItEnds) {
  {
    BodyBudget::Charge charge(&budget);
    EXPECT_TRUE(charge.set(400));
    EXPECT_TRUE(charge.set(700));
    EXPECT_EQ(budget.held(), 700u);
    EXPECT_TRUE(charge.set(100));
    EXPECT_EQ(budget.held(), 100u);
  }
  EXPECT_EQ(budget.held(), 0u);
}

TEST_F(BodyBudgetTest, WhatDoesNotFitChangesNothing) {
  BodyBudget::Charge one(&budget);
  BodyBudget::Charge two(&budget);
  EXPECT_TRUE(one.set(600));
  EXPECT_FALSE(two.set(401));
  EXPECT_EQ(two.bytes(), 0u);
  EXPECT_EQ(budget.held(), 600u);
  EXPECT_EQ(budget.refused_total(), 1u);
  EXPECT_TRUE(two.set(400));
  EXPECT_FALSE(one.set(601));
  EXPECT_EQ(one.bytes(), 600u);
}

TEST_F(BodyBudgetTest, MovingAChargeCountsItOnce) {
  BodyBudget::Charge one(&budget);
  EXPECT_TRUE(one.set(300));
  BodyBudget::Charge two = std::move(one);
  EXPECT_EQ(budget.held(), 300u);
  two = BodyBudget::Charge(&budget);
  EXPECT_EQ(budget.held(), 0u);
}

TEST_F(BodyBudgetTest, LogsTakeHalfOfIt) {
  BodyBudget::Charge logs(&budget, Use::kLogs);
  EXPECT_FALSE(logs.set(501));
  EXPECT_TRUE(logs.set(500));
  EXPECT_EQ(budget.refused_total(), 0u);  // loggers say what they drop
  BodyBudget::Charge traffic(&budget);
  EXPECT_TRUE(traffic.set(500));
}

TEST_F(BodyBudgetTest, OperatorsGetInWhenTrafficUsedItUp) {
  BodyBudget::Charge traffic(&budget);
  EXPECT_TRUE(traffic.set(1000));
  BodyBudget::Charge of_operator(&budget, Use::kOperator);
  EXPECT_TRUE(of_operator.set(BodyBudget::kOperatorReserveBytes));
  EXPECT_FALSE(of_operator.set(BodyBudget::kOperatorReserveBytes + 1));
  EXPECT_FALSE(traffic.set(1001));
  EXPECT_TRUE(traffic.set(10));  // less always fits
}

TEST_F(BodyBudgetTest, RemembersItsPeak) {
  BodyBudget::Charge charge(&budget);
  EXPECT_TRUE(charge.set(900));
  EXPECT_TRUE(charge.set(200));
  EXPECT_EQ(budget.take_peak(), 900u);
  EXPECT_EQ(budget.take_peak(), 200u);
}

TEST_F(BodyBudgetTest, ItsFillIsPublished) {
  memory::Tally fill{};
  budget.publish_to(fill);
  BodyBudget::Charge charge(&budget);
  EXPECT_TRUE(charge.set(123));
  EXPECT_EQ(fill.get(), 123u);
}

TEST(HeldText, GathersAndGivesBack) {
  HeldText text;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
    text.append(piece);
    expected += piece;
  }
  EXPECT_EQ(text.view(), expected);
  text.clear();
  EXPECT_EQ(text.view(), "");
  text.append("x");
  EXPECT_EQ(text.view(), "x");
}

}  // namespace
}  // namespace apisix::plugin
