#include "worker/admin/write_mode.h"

#include <gtest/gtest.h>

namespace apisix::admin {
namespace {

TEST(WriteMode, OneReadingOfTheQuery) {
  struct Case {
    const char* query;
    bool is_dry_run;
    std::uint64_t wait_ms;
  };
  for (const auto& [query, is_dry_run, wait_ms] : {
           Case{"", false, 0},
           {"ttl=5&force=true", false, 0},
           {"dry_run=true", true, 0},
           {"dry%5Frun=true", true, 0},
           {"dry_run=%74rue", true, 0},
           {"a=b&dry_run=true&wait=250", true, 250},
           {"dry_run=false", false, 0},
           {"dry_run=true&dry_run=true", true, 0},
           {"DRY_RUN=true", false, 0},
           {"x=dry_run=true", false, 0},
           {"wait=60000", false, 60000},
       }) {
    const auto mode = parse_write_mode(query);
    ASSERT_TRUE(mode) << query << ": " << mode.error().what;
    EXPECT_EQ(mode->is_dry_run, is_dry_run) << query;
    EXPECT_EQ(mode->wait_ms.value_or(0), wait_ms) << query;
  }
}

// A typing error must not become a write.
TEST(WriteMode, RefusesWhatIsNotUnderstood) {
  for (const char* query :
       {"dry_run", "dry_run=", "dry_run=1", "dry_run=True", "dry_run=true%00", "dry_run=true&dry_run=false",
        "dry_run=false&dry_run=true", "wait", "wait=", "wait=0", "wait=-1", "wait=1.5", "wait=60001",
        "wait=99999999999999999999", "wait=1&wait=2"}) {
    EXPECT_FALSE(parse_write_mode(query)) << query;
  }
}

}  // namespace
}  // namespace apisix::admin
