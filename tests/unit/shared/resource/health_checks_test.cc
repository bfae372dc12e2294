#include "shared/resource/health_checks.h"

#include <gtest/gtest.h>

namespace apisix::resource {
namespace {

HealthChecks parse(std::string_view text) {
  return parse_health_checks(*format::parse_json(text));
}

TEST(HealthChecks, EmptyActiveProbesNothing) {
  const HealthChecks checks = parse(R"({"active": {}})");
  EXPECT_EQ(checks.active.healthy.interval_ms, 0u);
  EXPECT_EQ(checks.active.unhealthy.interval_ms, 0u);
  EXPECT_EQ(checks.active.healthy.successes, 2);
  EXPECT_TRUE(checks.active.unhealthy.http_statuses.contains(404));
  EXPECT_FALSE(checks.active.unhealthy.http_statuses.contains(200));
  EXPECT_EQ(checks.active.timeout_ms, 1000u);
  EXPECT_TRUE(checks.active.https_verify_certificate);
  EXPECT_FALSE(checks.has_passive);
  EXPECT_EQ(checks.passive.unhealthy.tcp_failures, 2);
  EXPECT_EQ(checks.passive.unhealthy.timeouts, 7);
}

TEST(HealthChecks, EverythingThatIsThereCounts) {
  const HealthChecks checks = parse(R"({
    "active": {"type": "https", "timeout": 0.5, "concurrency": 3, "host": "foo.com", "port": 8443,
               "http_method": "POST", "http_path": "/status", "http_req_body": "x", "req_headers": ["A: b"],
               "https_verify_certificate": false,
               "healthy": {"interval": 2, "http_statuses": [201], "successes": 1},
               "unhealthy": {"interval": 3, "http_statuses": [418, 599], "http_failures": 4, "tcp_failures": 5,
                             "timeouts": 6}},
    "passive": {"type": "tcp", "healthy": {"http_statuses": [204], "successes": 0},
                "unhealthy": {"http_statuses": [502], "http_failures": 1, "tcp_failures": 0, "timeouts": 254}}})");
  const ActiveCheck& active = checks.active;
  EXPECT_EQ(active.type, CheckType::kHttps);
  EXPECT_EQ(active.timeout_ms, 500u);
  EXPECT_EQ(active.concurrency, 3u);
  EXPECT_EQ(active.host, "foo.com");
  EXPECT_EQ(active.port, 8443);
  EXPECT_EQ(active.http_method, "POST");
  EXPECT_EQ(active.http_path, "/status");
  EXPECT_EQ(active.http_req_body, "x");
  EXPECT_EQ(active.req_headers, std::vector<std::string>{"A: b"});
  EXPECT_FALSE(active.https_verify_certificate);
  EXPECT_EQ(active.healthy, (HealthyRule{.interval_ms = 2000, .http_statuses = {201}, .successes = 1}));
  EXPECT_EQ(active.unhealthy, (UnhealthyRule{.interval_ms = 3000,
                                             .http_statuses = {418, 599},
                                             .http_failures = 4,
                                             .tcp_failures = 5,
                                             .timeouts = 6}));
  EXPECT_TRUE(checks.has_passive);
  EXPECT_EQ(checks.passive.type, CheckType::kTcp);
  EXPECT_EQ(checks.passive.healthy.successes, 0);
  EXPECT_FALSE(checks.passive.healthy.http_statuses.contains(200));
  EXPECT_EQ(checks.passive.unhealthy.timeouts, 254);
  EXPECT_EQ(checks.shown_type, CheckType::kHttps);
}

}  // namespace
}  // namespace apisix::resource
