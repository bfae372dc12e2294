#include "master/view/figures.h"

#include <gtest/gtest.h>

namespace apisix::master {
namespace {

TEST(Figures, Ages) {
  EXPECT_EQ(age_text(0), "0s");
  EXPECT_EQ(age_text(59), "59s");
  EXPECT_EQ(age_text(60), "1m");
  EXPECT_EQ(age_text(2 * 3600 + 13 * 60 + 59), "2h13m");
  EXPECT_EQ(age_text(3 * 86400 + 4 * 3600), "3d4h");
  EXPECT_EQ(age_text(400 * 86400), "400d");
}

TEST(Figures, Counts) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000), "1,000");
  EXPECT_EQ(count_text(12345678), "12,345,678");
}

TEST(Figures, RatesAreShort) {
  EXPECT_EQ(rate_text(0), "0");
  EXPECT_EQ(rate_text(0.5), "0.5");
  EXPECT_EQ(rate_text(99.94), "99.9");
  EXPECT_EQ(rate_text(99.96), "100");
  EXPECT_EQ(rate_text(9999.4), "9999");
  EXPECT_EQ(rate_text(9999.6), "10.0k");
  EXPECT_EQ(rate_text(123456), "123.5k");
  EXPECT_EQ(rate_text(4.5e6), "4.5M");
}

TEST(Figures, Latencies) {
  EXPECT_EQ(latency_text(0.42), "0.42ms");
  EXPECT_EQ(latency_text(12.34), "12.3ms");
  EXPECT_EQ(latency_text(999.4), "999ms");
  EXPECT_EQ(latency_text(999.6), "1.00s");
  EXPECT_EQ(latency_text(50'000), "50.0s");
}

TEST(Figures, Shares) {
  EXPECT_EQ(share_text(0, 0), "0%");
  EXPECT_EQ(share_text(1, 1000), "0.1%");
  EXPECT_EQ(share_text(1, 8), "12%");
  EXPECT_EQ(share_text(8, 8), "100%");
}

}  // namespace
}  // namespace apisix::master
