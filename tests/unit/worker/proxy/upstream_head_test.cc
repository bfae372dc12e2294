// What the upstream gets beyond the client's own words: addresses, X-Forwarded-*, host and target.
#include "worker/proxy/upstream_head.h"

#include <vector>

#include "shared/net/tls_info.h"
#include "tests/unit/worker/proxy/request_fixture.h"
#include "worker/plugin/client_details.h"
#include "worker/proxy/request_target.h"

namespace apisix::proxy {
namespace {

class UpstreamHeadTest : public RequestTest {
 protected:
  Options options_;
};

// --- real_ip (ngx_http_realip_module)

class RealIpTest : public UpstreamHeadTest {
 protected:
  RealIpTest() {
    read_from("x-real-ip");
    options_.real_ip_from = {network("192.0.2.0/24")};
  }
  std::string remote(std::string_view fields) {
    receive("/", "Host: a.test\r\n" + std::string(fields));
    apply_real_ip(request_, options_);
    return std::string(request_.remote_addr());
  }
  void read_from(std::string_view name) {
    options_.real_ip_header = name;
    options_.real_ip_header_id = http::identify_header(name);
  }
};

TEST_F(RealIpTest, ATrustedPeerSaysWhoTheClientIs) {
  EXPECT_EQ(remote("X-Real-IP: 203.0.113.7\r\n"), "203.0.113.7");
  EXPECT_EQ(request_.client.port, 0);  // of that address no port is known
}

TEST_F(RealIpTest, APeerThatIsNotTrustedIsTheClient) {
  comes_from("198.51.100.1", 1234);
  EXPECT_EQ(remote("X-Real-IP: 203.0.113.7\r\n"), "198.51.100.1");
  EXPECT_EQ(request_.client.port, 1234);
}

TEST_F(RealIpTest, APortBesideTheAddressIsTaken) {
  EXPECT_EQ(remote("X-Real-IP: 203.0.113.7:4711\r\n"), "203.0.113.7");
  EXPECT_EQ(request_.client.port, 4711);
}

TEST_F(RealIpTest, AnAddressOfVersion6MayStandInBrackets) {
  EXPECT_EQ(remote("X-Real-IP: [2001:db8::7]:80\r\n"), "2001:db8::7");
}

TEST_F(RealIpTest, WhatIsNoAddressChangesNothing) {
  for (const char* value : {"unknown", "203.0.113", "", "203.0.113.7:x", "a.test"}) {
    EXPECT_EQ(remote("X-Real-IP: " + std::string(value) + "\r\n"), "192.0.2.1") << value;
  }
}

TEST_F(RealIpTest, WithoutTheFieldThePeerIsTheClient) {
  EXPECT_EQ(remote("X-Other: 203.0.113.7\r\n"), "192.0.2.1");
}

TEST_F(RealIpTest, WithoutAConfiguredFieldNothingIsRead) {
  read_from("");
  EXPECT_EQ(remote("X-Real-IP: 203.0.113.7\r\n"), "192.0.2.1");
}

TEST_F(RealIpTest, OfForwardedForTheLastAddressCounts) {
  read_from("x-forwarded-for");
  EXPECT_EQ(remote("X-Forwarded-For: 203.0.113.7, 203.0.113.8\r\n"), "203.0.113.8");
}

TEST_F(RealIpTest, SeveralForwardedForFieldsAreOneList) {
  read_from("x-forwarded-for");
  EXPECT_EQ(remote("X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 203.0.113.9\r\n"), "203.0.113.9");
}

TEST_F(RealIpTest, RecursiveGoesBackOverTrustedProxies) {
  read_from("x-forwarded-for");
  options_.real_ip_recursive = true;
  EXPECT_EQ(remote("X-Forwarded-For: 10.0.0.1, 203.0.113.7, 192.0.2.8, 192.0.2.9\r\n"), "203.0.113.7");
}

TEST_F(RealIpTest, RecursiveEndsAtTheFirstAddressWhenAllAreTrusted) {
  read_from("x-forwarded-for");
  options_.real_ip_recursive = true;
  EXPECT_EQ(remote("X-Forwarded-For: 192.0.2.7, 192.0.2.8\r\n"), "192.0.2.7");
}

TEST_F(RealIpTest, RecursiveEndsInFrontOfWhatIsNoAddress) {
  read_from("x-forwarded-for");
  options_.real_ip_recursive = true;
  EXPECT_EQ(remote("X-Forwarded-For: 203.0.113.7, unknown, 192.0.2.9\r\n"), "192.0.2.9");
}

TEST_F(RealIpTest, ThePeersProxyHeaderSaysWhoTheClientIs) {
  read_from("proxy_protocol");
  EXPECT_EQ(remote("Proxy_Protocol: 203.0.113.9\r\n"), "192.0.2.1");  // it is no field
  client_.edit_details().proxied = net::ProxiedAddresses{
      .client = base::IpAddress::parse("203.0.113.7").value(), .server = {}, .client_port = 4711};
  EXPECT_EQ(remote("X-Real-IP: 203.0.113.8\r\n"), "203.0.113.7");
  EXPECT_EQ(request_.client.port, 4711);
  comes_from("198.51.100.1", 1234);
  EXPECT_EQ(remote(""), "198.51.100.1");
}

// --- X-Forwarded-Proto, -Host, -Port and Forwarded

class ForwardedTest : public UpstreamHeadTest {
 protected:
  ForwardedTest() { client_.local_port = 9080; }
  void apply(std::string_view fields) {
    receive("/", fields);
    apply();
  }
  void apply() {
    ASSERT_FALSE(normalize_target(request_, options_));
    apply_forwarded_headers(request_, options_);
  }
};

TEST_F(ForwardedTest, TheGatewaySaysWhatItObserved) {
  apply("Host: a.test:8080\r\n");
  EXPECT_EQ(sent("X-Forwarded-Proto"), "http");
  EXPECT_EQ(sent("X-Forwarded-Host"), "a.test:8080");
  EXPECT_EQ(sent("X-Forwarded-Port"), "8080");
  EXPECT_EQ(sent("X-Forwarded-For"), "(none)");  // that goes out with the request
}

TEST_F(ForwardedTest, WithoutAPortInHostTheListenersCounts) {
  apply("Host: a.test\r\n");
  EXPECT_EQ(sent("X-Forwarded-Port"), "9080");
  apply("Host: [2001:db8::1]\r\n");
  EXPECT_EQ(sent("X-Forwarded-Port"), "9080");
  apply("Host: [2001:db8::1]:81\r\n");
  EXPECT_EQ(sent("X-Forwarded-Port"), "81");
}

TEST_F(ForwardedTest, OverTlsTheSchemeIsHttps) {
  const net::TlsInfo tls;
  client_.set_tls(tls);
  apply("Host: a.test\r\n");
  EXPECT_EQ(sent("X-Forwarded-Proto"), "https");
}

constexpr std::string_view kForged =
    "Host: a.test\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b.test\r\nX-Forwarded-Port: 443\r\n"
    "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\n";

TEST_F(ForwardedTest, WhatTheClientSaysIsReplaced) {
  apply(kForged);
  EXPECT_EQ(sent("X-Forwarded-Proto"), "http");
  EXPECT_EQ(sent("X-Forwarded-Host"), "a.test");
  EXPECT_EQ(sent("X-Forwarded-Port"), "9080");
  EXPECT_EQ(sent("Forwarded"), "(none)");
}

// Without trusted_addresses APISIX leaves X-Forwarded-For as the client sent it.
TEST_F(ForwardedTest, WithoutABoundaryForwardedForIsKept) {
  apply(kForged);
  EXPECT_EQ(sent("X-Forwarded-For"), "203.0.113.7");
}

TEST_F(ForwardedTest, APeerOutsideTrustedAddressesLosesForwardedFor) {
  options_.trusted_addresses = {network("10.0.0.0/8")};
  apply(kForged);
  EXPECT_EQ(sent("X-Forwarded-For"), "(none)");
  EXPECT_EQ(sent("X-Forwarded-Proto"), "http");
  EXPECT_EQ(sent("Forwarded"), "(none)");
}

TEST_F(ForwardedTest, APeerInTrustedAddressesIsBelieved) {
  options_.trusted_addresses = {network("192.0.2.0/24")};
  apply(kForged);
  EXPECT_EQ(sent("X-Forwarded-Proto"), "https");
  EXPECT_EQ(sent("X-Forwarded-Host"), "b.test");
  EXPECT_EQ(sent("X-Forwarded-Port"), "443");
  EXPECT_EQ(sent("X-Forwarded-For"), "203.0.113.7");
  EXPECT_EQ(sent("Forwarded"), "for=203.0.113.7");
}

TEST_F(ForwardedTest, WhatATrustedPeerDoesNotSayIsObserved) {
  options_.trusted_addresses = {network("192.0.2.0/24")};
  apply("Host: a.test\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host:\r\n");
  EXPECT_EQ(sent("X-Forwarded-Proto"), "https");
  EXPECT_EQ(sent("X-Forwarded-Host"), "a.test");
  EXPECT_EQ(sent("X-Forwarded-Port"), "9080");
}

TEST_F(ForwardedTest, AnEmptyListOfTrustedAddressesTrustsNone) {
  options_.trusted_addresses = std::vector<base::Cidr>{};
  apply(kForged);
  EXPECT_EQ(sent("X-Forwarded-For"), "(none)");
  EXPECT_EQ(sent("X-Forwarded-Host"), "a.test");
}

TEST_F(ForwardedTest, TheClientsOwnValuesAreKeptForVariables) {
  apply(kForged);
  EXPECT_EQ(request_.originals.x_forwarded_for, "203.0.113.7");
  EXPECT_EQ(request_.originals.x_forwarded_proto, "https");
  EXPECT_EQ(request_.originals.x_forwarded_host, "b.test");
  EXPECT_EQ(request_.originals.x_forwarded_port, "443");
  EXPECT_EQ(request_.originals.forwarded, "for=203.0.113.7");
}

TEST_F(ForwardedTest, RepeatedFieldsAreOneAfterwards) {
  apply("Host: a.test\r\nX-Forwarded-Host: b.test\r\nX-Forwarded-Host: c.test\r\n");
  EXPECT_EQ(request_.originals.x_forwarded_host, "b.test, c.test");
  EXPECT_EQ(sent("X-Forwarded-Host"), "a.test");
}

// HTTP/1.0 may come without Host (RFC 9112 3.2): then there is no host to tell of.
TEST_F(ForwardedTest, WithoutAHostNoForwardedHostIsSent) {
  receive_lines("GET / HTTP/1.0\r\nX-Forwarded-Host: b.test\r\n");
  apply();
  EXPECT_EQ(sent("X-Forwarded-Host"), "(none)");
  EXPECT_EQ(sent("X-Forwarded-Port"), "9080");
}

// --- X-Real-IP and X-Forwarded-For

TEST_F(UpstreamHeadTest, ClientAddressIsAddedToARequestWithoutAny) {
  receive("/");
  add_client_address(request_);
  EXPECT_EQ(sent("X-Real-IP"), "192.0.2.1");
  EXPECT_EQ(sent("X-Forwarded-For"), "192.0.2.1");
}

TEST_F(UpstreamHeadTest, ClientAddressIsAppendedToForwardedFor) {
  receive("/", "Host: a\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 203.0.113.8\r\n");
  add_client_address(request_);
  EXPECT_EQ(sent("X-Forwarded-For"), "203.0.113.7, 203.0.113.8, 192.0.2.1");
}

TEST_F(UpstreamHeadTest, AForgedRealIpIsReplaced) {
  receive("/", "Host: a\r\nX-Real-IP: 203.0.113.7\r\nX-Real-IP: 203.0.113.8\r\n");
  add_client_address(request_);
  EXPECT_EQ(sent("X-Real-IP"), "192.0.2.1");
}

TEST_F(UpstreamHeadTest, EmptyForwardedForFieldsInFrontAreLeftOut) {
  receive("/", "Host: a\r\nX-Forwarded-For:\r\nX-Forwarded-For: 203.0.113.8\r\n");
  add_client_address(request_);
  EXPECT_EQ(sent("X-Forwarded-For"), "203.0.113.8, 192.0.2.1");
}

// --- scheme, Host by pass_host, and target

class UpstreamTargetTest : public UpstreamHeadTest {
 protected:
  UpstreamTargetTest() {
    receive("/a?b=c", "Host: A.test:9080\r\n");
    request_.target.path = "/a";
  }
  std::string host_for(std::string_view node, std::uint16_t port) {
    set_upstream_target(request_, upstream_, node, port);
    return std::string(request_.upstream.host);
  }
  void pass(config::PassHost how) { upstream_.pass_host = how; }

  config::CompiledUpstream upstream_;
};

TEST_F(UpstreamTargetTest, PassHostPassesTheClientsHostAsItWasWritten) {
  EXPECT_EQ(host_for("n.test", 8080), "A.test:9080");
  EXPECT_EQ(request_.upstream.unresolved_host, "n.test");
}

TEST_F(UpstreamTargetTest, PassHostGivesWayToAPluginsHost) {
  request_.upstream.wanted_host = "p.test";
  EXPECT_EQ(host_for("n.test", 8080), "p.test");
}

// RFC 9112 3.2: the request goes out in 1.1, which needs a Host.
TEST_F(UpstreamTargetTest, PassHostOfARequestWithoutHostIsTheNode) {
  receive_lines("GET /a HTTP/1.0\r\n");
  EXPECT_EQ(host_for("n.test", 8080), "n.test:8080");
}

TEST_F(UpstreamTargetTest, RewriteSetsTheUpstreamsHostOverAPluginsOwn) {
  pass(config::PassHost::kRewrite);
  upstream_.upstream_host = "u.test";
  request_.upstream.wanted_host = "p.test";
  EXPECT_EQ(host_for("n.test", 8080), "u.test");
}

TEST_F(UpstreamTargetTest, NodeSetsHostAndPortOfTheNode) {
  pass(config::PassHost::kNode);
  EXPECT_EQ(host_for("n.test", 8080), "n.test:8080");
  EXPECT_EQ(host_for("[2001:db8::1]", 8080), "[2001:db8::1]:8080");
}

struct DefaultPort {
  const char* scheme;
  std::uint16_t port;
  const char* host;
};
class DefaultPortTest : public UpstreamTargetTest, public ::testing::WithParamInterface<DefaultPort> {};

TEST_P(DefaultPortTest, IsLeftOutOfHost) {
  pass(config::PassHost::kNode);
  upstream_.scheme = GetParam().scheme;
  EXPECT_EQ(host_for("n", GetParam().port), GetParam().host);
}

INSTANTIATE_TEST_SUITE_P(UpstreamHead, DefaultPortTest,
                         ::testing::Values(DefaultPort{"http", 80, "n"}, DefaultPort{"http", 443, "n:443"},
                                           DefaultPort{"https", 443, "n"}, DefaultPort{"https", 80, "n:80"},
                                           DefaultPort{"grpc", 80, "n"}, DefaultPort{"grpcs", 443, "n"},
                                           DefaultPort{"grpcs", 80, "n:80"}),
                         [](const auto& row) {
                           return std::string(row.param.scheme) + "_" + std::to_string(row.param.port);
                         });

// APISIX makes Host of a plugin's upstream before it knows the scheme.
TEST_F(UpstreamTargetTest, NodeOfAPluginsUpstreamHasNoPortUnlessTheSchemeIsHttps) {
  pass(config::PassHost::kNode);
  upstream_.is_of_plugin = true;
  EXPECT_EQ(host_for("n.test", 8080), "n.test");
  upstream_.scheme = "https";
  EXPECT_EQ(host_for("n.test", 8443), "n.test:8443");
}

TEST_F(UpstreamTargetTest, NodeOfAPluginsUpstreamHasAPortWhenAPluginSetTheScheme) {
  pass(config::PassHost::kNode);
  upstream_.is_of_plugin = true;
  request_.upstream.wanted_scheme = "http";
  EXPECT_EQ(host_for("n.test", 8080), "n.test:8080");
}

TEST_F(UpstreamTargetTest, SchemeIsTheUpstreamsOrAPlugins) {
  upstream_.scheme = "https";
  host_for("n", 1);
  EXPECT_EQ(request_.upstream.scheme, "https");
  request_.upstream.wanted_scheme = "grpc";
  host_for("n", 1);
  EXPECT_EQ(request_.upstream.scheme, "grpc");
}

TEST_F(UpstreamTargetTest, TargetIsTheClientsOwnBytes) {
  host_for("n", 1);
  EXPECT_EQ(request_.upstream.uri, "/a?b=c");
}

TEST_F(UpstreamTargetTest, TargetIsTheNormalPathWhenItsSegmentsChanged) {
  receive("/x/../a%20b?c", "Host: a\r\n");
  request_.target.path = "/a b";
  request_.target.args = "c";
  request_.target.path_changed = true;
  host_for("n", 1);
  EXPECT_EQ(request_.upstream.uri, "/a%20b?c");
}

TEST_F(UpstreamTargetTest, TargetThatAPluginSetIsKept) {
  request_.upstream.uri = "/of/a/plugin";
  host_for("n", 1);
  EXPECT_EQ(request_.upstream.uri, "/of/a/plugin");
}

}  // namespace
}  // namespace apisix::proxy
