#include <random>

#include <gtest/gtest.h>

#include "tests/unit/worker/route/router_script.h"

namespace apisix::route {
namespace {

class RouterDifferential : public testing::TestWithParam<RouterKind> {};

// Edited in place == built afresh == the rules written out, over thousands of random edits.
TEST_P(RouterDifferential, EditsInPlaceEqualARebuildAndTheRules) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const unsigned routes = seed % 3 == 0 ? 4 : seed % 3 == 1 ? 15 : 60;
    RouterScript script(GetParam(), routes, [&](unsigned n) { return static_cast<unsigned>(random() % n); });
    for (int step = 0; step < 80; ++step) {
      ASSERT_EQ(script.edit(), "") << "seed " << seed << " step " << step;
      ASSERT_EQ(script.compare(4, step % 10 == 0), "") << "seed " << seed << " step " << step;
    }
  }
}

// What is erased leaves nothing behind.
TEST_P(RouterDifferential, AnEmptiedRouterHoldsNothing) {
  std::mt19937 random(7);
  RouterScript script(GetParam(), 100, [&](unsigned n) { return static_cast<unsigned>(random() % n); });
  for (int round = 0; round < 3; ++round) {
    for (int step = 0; step < 300; ++step) ASSERT_EQ(script.edit(), "");
    script.erase_all();
    EXPECT_EQ(script.edited().size(), 0u);
    ASSERT_EQ(script.compare(50, false), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, RouterDifferential,
                         testing::Values(RouterKind::kHostUri, RouterKind::kUri,
                                         RouterKind::kUriWithParameter));

}  // namespace
}  // namespace apisix::route
