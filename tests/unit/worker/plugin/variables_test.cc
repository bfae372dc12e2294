// Which form of what a client sent a variable has: the one that APISIX's plugins see.
#include "worker/plugin/variables.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/event/loop.h"
#include "shared/http/h1/request_parser.h"
#include "shared/net/tls_info.h"
#include "tests/unit/shared/base/test_certificate.h"
#include "worker/plugin/client_details.h"
#include "worker/plugin/variable_text.h"
#include "worker/route/match_rule.h"

namespace apisix::plugin {
namespace {

class VariablesTest : public ::testing::Test {
 protected:
  VariablesTest() : request_(arena_, loop_.clock()) {
    const std::string_view head = arena_.copy(
        "GET /a HTTP/1.1\r\nHost: Secret.com.:9080\r\nCookie: a=%41; a=2\r\nX-A: %41\r\nx_a: 2\r\n\r\n");
    request_.head = *http::parse_request_head(head, arena_, {});
    request_.client.connection = &client_;
    request_.target.host = request_.host_of(request_.head->authority);
  }

  std::string read(std::string_view name) {
    Variables variables(request_);
    return std::string(variables.read(route::VariableName::parse(name)).value_or("(unset)"));
  }
  bool holds(const std::string& expression) {
    Variables variables(request_);
    return route::MatchRule::compile(format::parse_json(expression).value()).value().evaluate(variables);
  }

  event::Loop loop_;
  base::Arena arena_;
  ClientInfo client_;
  RequestState request_;
};

TEST_F(VariablesTest, ArgumentsAreDecodedAndTheFirstWins) {
  request_.target.args = "user=b%6fb&us%65r2=a+b&user=eve&empty=&flag&v=%zz";
  EXPECT_EQ(read("arg_user"), "bob");
  EXPECT_EQ(read("arg_user2"), "a b");
  EXPECT_EQ(read("arg_empty"), "");
  EXPECT_EQ(read("arg_v"), "%zz");
  EXPECT_EQ(read("arg_User"), "(unset)");
  EXPECT_EQ(read("arg_none"), "(unset)");
  EXPECT_EQ(read("args"), request_.target.args);  // these stay as they were sent
  EXPECT_EQ(read("query_string"), request_.target.args);
}

TEST_F(VariablesTest, TlsVariablesAreUnsetOnAPlainConnection) {
  for (const char* name : {"ssl_server_name", "ssl_protocol", "ssl_cipher", "ssl_alpn_protocol"}) {
    EXPECT_EQ(read(name), "(unset)") << name;
  }
  EXPECT_EQ(read("https"), "");
  EXPECT_EQ(read("scheme"), "http");
}

TEST_F(VariablesTest, TlsVariablesSayWhatTheHandshakeAgreedOn) {
  const net::TlsInfo tls{.sni = "a.example", .version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384"};
  client_.set_tls(tls);
  EXPECT_EQ(read("ssl_server_name"), "a.example");
  EXPECT_EQ(read("ssl_protocol"), "TLSv1.3");
  EXPECT_EQ(read("ssl_cipher"), "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(read("ssl_alpn_protocol"), "(unset)");
  EXPECT_EQ(read("https"), "on");
  EXPECT_EQ(read("scheme"), "https");
}

TEST_F(VariablesTest, TheClientsCertificateIsComparedByConditions) {
  const std::string der = base::certificate_der();
  const net::TlsInfo tls{.peer_certificate = der, .peer_verified = "SUCCESS"};
  client_.set_tls(tls);
  EXPECT_TRUE(holds(R"([["ssl_client_fingerprint", "==", "2e6b055ffcbc08b30150b6c870296763a4bec292"]])"));
  EXPECT_TRUE(
      holds(R"([["ssl_client_s_dn", "~~", "^CN=client one,"], ["ssl_client_verify", "==", "SUCCESS"]])"));
  EXPECT_FALSE(holds(R"([["ssl_client_serial", "==", "01"]])"));
  // Made once, however often it is read.
  Variables variables(request_);
  const auto name = route::VariableName::parse("ssl_client_raw_cert");
  EXPECT_EQ(variables.read(name)->data(), variables.read(name)->data());
}

TEST_F(VariablesTest, ProxyProtocolVariablesSayWhatTheHeaderSaid) {
  for (const char* name : {"proxy_protocol_addr", "proxy_protocol_port", "proxy_protocol_server_addr",
                           "proxy_protocol_server_port"}) {
    EXPECT_EQ(read(name), "(unset)") << name;
  }
  client_.peer_ip = base::IpAddress::parse("10.0.0.1").value();
  client_.edit_details().proxied =
      net::ProxiedAddresses{.client = base::IpAddress::parse("192.0.2.1").value(),
                            .server = base::IpAddress::parse("2001:db8::2").value(),
                            .client_port = 40000,
                            .server_port = 443};
  EXPECT_EQ(read("proxy_protocol_addr"), "192.0.2.1");
  EXPECT_EQ(read("proxy_protocol_port"), "40000");
  EXPECT_EQ(read("proxy_protocol_server_addr"), "2001:db8::2");
  EXPECT_EQ(read("proxy_protocol_server_port"), "443");
  EXPECT_EQ(read("realip_remote_addr"), "10.0.0.1");
  EXPECT_EQ(read("scheme"), "http");
  EXPECT_EQ(read("proxy_protocol_tlv_authority"), "(unset)");
  client_.edit_details().proxy_tlvs = std::make_unique<const std::string>(
      "\x02\0\x06"
      "a.test",
      9);
  EXPECT_EQ(read("proxy_protocol_tlv_authority"), "a.test");
  EXPECT_EQ(read("Proxy_Protocol_TLV_0X02"), "a.test");
  EXPECT_EQ(read("proxy_protocol_tlv_alpn"), "(unset)");
  EXPECT_EQ(read("proxy_protocol_tlv_"), "(unset)");
}

TEST_F(VariablesTest, RequestLineOfHttp2IsMadeAsNginxDoes) {
  EXPECT_EQ(read("request"), "GET /a HTTP/1.1");
  EXPECT_EQ(read("server_protocol"), "HTTP/1.1");
  EXPECT_EQ(read("http2"), "");
  request_.head->request_line = {};
  request_.head->protocol = http::Protocol::k2;
  EXPECT_EQ(read("request"), "GET /a HTTP/2.0");
  EXPECT_EQ(read("request_line"), "GET /a HTTP/2.0");
  EXPECT_EQ(read("server_protocol"), "HTTP/2.0");
  EXPECT_EQ(read("http2"), "h2c");
}

TEST_F(VariablesTest, RequestWithoutASocketHasNoLocalAddress) {
  EXPECT_EQ(read("server_addr"), "(unset)");
  EXPECT_EQ(read("tcpinfo_rtt"), "(unset)");
}

// ngx.req.get_uri_args(): "?flag" is true, which is no text.
TEST_F(VariablesTest, AnArgumentWithoutAValueIsTrue) {
  request_.target.args = "flag&text=true&flag=x";
  EXPECT_EQ(read("arg_flag"), "true");
  EXPECT_TRUE(holds(R"([["arg_flag","==",true]])"));
  EXPECT_FALSE(holds(R"([["arg_flag","==","true"]])"));
  EXPECT_TRUE(holds(R"([["arg_flag","~~","^true$"]])"));
  EXPECT_FALSE(holds(R"([["arg_text","==",true]])"));
  EXPECT_TRUE(holds(R"([["arg_text","==","true"]])"));
  EXPECT_TRUE(holds(R"([["arg_none","==",null]])"));
  EXPECT_EQ(RequestQuery(request_).find("flag"), "");  // and no key of a consumer
}

TEST_F(VariablesTest, ArgumentsFollowWhatAPluginSets) {
  request_.target.args = "a=1";
  EXPECT_EQ(read("arg_a"), "1");
  RequestQuery(request_).set_text("a=%32&b");
  EXPECT_EQ(read("arg_a"), "2");
  RequestQuery(request_).remove("a");
  EXPECT_EQ(read("arg_a"), "(unset)");
  RequestQuery(request_).set_text("");
  EXPECT_EQ(read("arg_b"), "(unset)");
}

TEST_F(VariablesTest, TheHostIsThatOfTheRouteAndHttpHostWhatWasSent) {
  EXPECT_EQ(read("host"), "secret.com");
  EXPECT_EQ(read("http_host"), "Secret.com.:9080");
  EXPECT_EQ(read("upstream_host"), "Secret.com:9080");
}

TEST_F(VariablesTest, FieldsAndCookiesStayAsTheyWereSent) {
  EXPECT_EQ(read("http_x_a"), "%41, 2");
  EXPECT_EQ(read("cookie_a"), "%41");
}

TEST_F(VariablesTest, WhatALimitFoundIsJsonWhateverItsKey) {
  const RateLimitingInfo info{.key = "a\"b\xFF", .limit = 2, .remaining = 1, .reset_s = 3};
  EXPECT_EQ(rate_limiting_text(arena_, info),
            "{\"rate_limiting_key\":\"a\\\"b\xEF\xBF\xBD\",\"rate_limiting_limit\":2,"
            "\"rate_limiting_remaining\":1,\"rate_limiting_reset\":3}");
}

}  // namespace
}  // namespace apisix::plugin
