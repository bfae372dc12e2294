#include "shared/settings/units.h"

#include <gtest/gtest.h>

namespace apisix::settings {
namespace {

TEST(Durations, FollowNginx) {
  const struct {
    const char* text;
    std::int64_t ms;
  } kCases[] = {{"60s", 60'000},
                {"60", 60'000},
                {"0", 0},
                {"500ms", 500},
                {"1h30m", 5'400'000},
                {"1m", 60'000},
                {"1M", 30LL * 86'400'000},
                {"2w 1d", 15LL * 86'400'000},
                {"1m30", 90'000},
                {"1y", 365LL * 86'400'000},
                {"1s500ms", 1'500}};
  for (const auto& [text, ms] : kCases) EXPECT_EQ(parse_duration_ms(text), ms) << text;
}

TEST(Durations, RefuseEverythingElse) {
  for (const char* text : {"", "s", "60 s x", "-1s", "1.5s", "30s1m", "1s1s", "101y", "9223372036854775807s",
                           "1sec", "1H", " 1s", "99999999999999999999"}) {
    EXPECT_FALSE(parse_duration_ms(text)) << text;
  }
}

TEST(Sizes, FollowNginx) {
  const struct {
    const char* text;
    std::int64_t bytes;
  } kCases[] = {{"0", 0}, {"512", 512}, {"16k", 16384}, {"16K", 16384}, {"1m", 1 << 20}, {"10g", 10LL << 30}};
  for (const auto& [text, bytes] : kCases) EXPECT_EQ(parse_size_bytes(text), bytes) << text;
}

TEST(Sizes, RefuseEverythingElse) {
  for (const char* text : {"", "k", "-1k", "1.5m", "1kb", "1 m", "8589934592g", "m1"}) {
    EXPECT_FALSE(parse_size_bytes(text)) << text;
  }
}

}  // namespace
}  // namespace apisix::settings
