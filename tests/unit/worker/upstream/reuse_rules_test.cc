// What happens to a node's connection after an exchange (RFC 9112 9.3).
#include "worker/upstream/reuse_rules.h"

#include <gtest/gtest.h>

namespace apisix::upstream {
namespace {

TEST(ReuseRules, AnUpstreamIsPooledOnlyWhenNothingOfTheExchangeIsLeftOnIt) {
  EXPECT_TRUE(may_pool_upstream({.response_keep_alive = true,
                                 .response_complete = true,
                                 .request_sent = true,
                                 .bytes_left_over = false}));
  EXPECT_FALSE(may_pool_upstream({false, true, true, false}));  // it said close
  EXPECT_FALSE(may_pool_upstream({true, false, true, false}));  // the rest of its response is still to come
  EXPECT_FALSE(may_pool_upstream({true, true, false, false}));  // it responded early and waits for the body
  EXPECT_FALSE(may_pool_upstream({true, true, true, true}));    // the next client would get these bytes
}

}  // namespace
}  // namespace apisix::upstream
