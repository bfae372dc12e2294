#include "privileged-agent/jobs/health_plan.h"

#include <gtest/gtest.h>

namespace apisix::agent {
namespace {

store::Item item(std::string value) {
  store::Item out;
  out.key = "/apisix/routes/1";
  out.value = std::move(value);
  return out;
}

HealthPlan plan(const std::string& upstream) {
  return health_plan_of("upstreams", item(upstream)).value();
}

ProbePlan first_probe(const HealthPlan& plan) {
  return plan.probe_of(plan.nodes.at(0), *base::IpAddress::parse("127.0.0.1"));
}

TEST(HealthPlan, OnlyObjectsWithAnUpstreamWithChecksHaveOne) {
  const std::string with = R"({"nodes": {"127.0.0.1:80": 1}, "checks": {"active": {}}})";
  const std::string without = R"({"nodes": {"127.0.0.1:80": 1}})";
  EXPECT_TRUE(health_plan_of("upstreams", item(with)));
  EXPECT_FALSE(health_plan_of("upstreams", item(without)));
  for (const char* kind : {"routes", "services", "stream_routes"}) {
    EXPECT_TRUE(health_plan_of(kind, item(R"({"upstream": )" + with + "}"))) << kind;
    EXPECT_FALSE(health_plan_of(kind, item(R"({"upstream": )" + without + "}"))) << kind;
    EXPECT_FALSE(health_plan_of(kind, item(R"({"desc": "\"checks\"", "upstream_id": "1"})"))) << kind;
  }
  EXPECT_FALSE(health_plan_of("consumers", item(R"({"upstream": )" + with + "}")));
  EXPECT_FALSE(health_plan_of("routes", item("\"checks\" and no JSON")));
}

TEST(HealthPlan, NodesHaveTheirPortsOrTheChecks) {
  const HealthPlan own = plan(
      R"({"scheme": "https", "checks": {"active": {}}, "nodes": [{"host": "127.0.0.1", "weight": 1},
          {"host": "::1", "port": 81, "weight": 0}, {"host": "a.test", "port": 82, "weight": 1}]})");
  ASSERT_EQ(own.nodes.size(), 3u);
  EXPECT_EQ(own.nodes[0].port, 443);
  EXPECT_EQ(own.nodes[1].host, "[::1]");
  EXPECT_FALSE(own.nodes[1].is_name);
  EXPECT_TRUE(own.nodes[2].is_name);
  EXPECT_EQ(plan(R"({"nodes": {"127.0.0.1:80": 1}, "checks": {"active": {"port": 99}}})").nodes[0].port, 99);
}

TEST(HealthPlan, HostIsTheUpstreamsThenTheNodesThenTheChecks) {
  const auto host_of = [](const std::string& node, const std::string& more, const std::string& active) {
    const ProbePlan probe = first_probe(plan(R"({"nodes": {")" + node + R"(:80": 1}, )" + more +
                                             R"("checks": {"active": {)" + active + "}}}"));
    EXPECT_NE(probe.request.find("\r\nHost: " + probe.server_name + "\r\n"), std::string::npos)
        << probe.request;
    return probe.server_name;
  };
  EXPECT_EQ(host_of("127.0.0.1", "", ""), "127.0.0.1");
  EXPECT_EQ(host_of("127.0.0.1", "", R"("host": "foo.com")"), "foo.com");
  EXPECT_EQ(host_of("a.test", "", R"("host": "foo.com")"), "a.test");
  EXPECT_EQ(
      host_of("a.test", R"("pass_host": "rewrite", "upstream_host": "bar.com", )", R"("host": "foo.com")"),
      "bar.com");
}

TEST(HealthPlan, RequestIsWhatWasAskedFor) {
  const HealthPlan probed = plan(
      R"({"nodes": {"127.0.0.1:80": 1}, "checks": {"active": {"http_method": "POST", "http_path": "/a b?c",
          "http_req_body": "body", "req_headers": ["X-A: 1", "no header", "X-B: 2\r\nX-C: 3"]}}})");
  EXPECT_EQ(first_probe(probed).closing_request,
            "POST /a%20b?c HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-A: 1\r\nContent-Length: "
            "4\r\n\r\nbody");
  const HealthPlan own_host = plan(
      R"({"nodes": {"127.0.0.1:80": 1}, "checks": {"active": {"req_headers": ["host: b.test"],
          "healthy": {"interval": 1}}}})");
  EXPECT_EQ(first_probe(own_host).request, "GET / HTTP/1.1\r\nhost: b.test\r\n\r\n");
  EXPECT_TRUE(first_probe(own_host).keep);
}

TEST(HealthPlan, KindFollowsTypeAndScheme) {
  const auto kind_of = [](const std::string& more, const std::string& type) {
    return first_probe(plan(R"({"nodes": {"127.0.0.1:80": 1}, )" + more +
                            R"("checks": {"active": {"type": ")" + type + R"("}}})"))
        .kind;
  };
  EXPECT_EQ(kind_of("", "http"), ProbePlan::Kind::kHttp);
  EXPECT_EQ(kind_of("", "https"), ProbePlan::Kind::kHttps);
  EXPECT_EQ(kind_of(R"("scheme": "tls", )", "tcp"), ProbePlan::Kind::kTcp);
  EXPECT_EQ(kind_of(R"("scheme": "udp", )", "tcp"), ProbePlan::Kind::kUdp);
}

}  // namespace
}  // namespace apisix::agent
