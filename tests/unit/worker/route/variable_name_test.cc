#include "worker/route/variable_name.h"

#include <gtest/gtest.h>

namespace apisix::route {
namespace {

using enum VariableKind;

struct Row {
  const char* name;
  VariableKind kind;
  const char* detail;
};

TEST(VariableName, KindAndDetail) {
  const Row rows[] = {
      {"uri", kUri, ""},
      {"request_uri", kRequestUri, ""},
      {"args", kArgs, ""},
      {"query_string", kArgs, ""},
      {"arg_name", kArg, "name"},
      {"arg_Name", kArg, "Name"},
      {"arg_", kArg, ""},
      {"cookie_SessionId", kCookie, "SessionId"},
      {"post_arg_user", kPostArg, "user"},
      {"post_arg.user.name", kPostArgPath, "user.name"},
      {"post_arg.a[*].b", kPostArgPath, "a[*].b"},
      {"uri_param_id", kUriParam, "id"},
      {"uri_param_:ext", kUriParam, ":ext"},
      {"http_user_agent", kHttp, "user-agent"},
      {"http_X-Foo_Bar", kHttp, "x-foo-bar"},
      {"https", kHttps, ""},
      {"sent_http_content_type", kSentHttp, "content-type"},
      {"upstream_http_x_y", kUpstreamHttp, "x-y"},
      {"upstream_trailer_grpc_status", kUpstreamTrailer, "grpc-status"},
      {"upstream_cookie_sid", kUpstreamCookie, "sid"},
      {"upstream_addr", kUpstreamAddr, ""},
      {"upstream_status", kUpstreamStatus, ""},
      {"upstream_host", kUpstreamHost, ""},
      {"tcpinfo_rtt", kTcpinfo, "rtt"},
      {"graphql_name", kGraphqlName, ""},
      {"graphql_root_fields", kGraphqlRootFields, ""},
      {"method", kRequestMethod, ""},
      {"request_method", kRequestMethod, ""},
      {"remote_addr", kRemoteAddr, ""},
      {"consumer_name", kConsumerName, ""},
      {"route_id", kRouteId, ""},
      {"llm_model", kLlmModel, ""},
      {"zipkin_span_id", kZipkinSpanId, ""},
      {"a6_labels_zone", kUnknown, "a6_labels_zone"},
      {"", kUnknown, ""},
  };
  for (const Row& row : rows) {
    const VariableName name = VariableName::parse(row.name);
    EXPECT_EQ(name.kind, row.kind) << row.name;
    EXPECT_EQ(name.detail, row.detail) << row.name;
    EXPECT_EQ(VariableName::parse(name.to_string()), name) << row.name;
  }
}

TEST(VariableName, OnlyWebServerNamesTakeAnyCase) {
  EXPECT_EQ(VariableName::parse("Remote_Addr").kind, kRemoteAddr);
  EXPECT_EQ(VariableName::parse("SENT_HTTP_X_Y").kind, kSentHttp);
  EXPECT_EQ(VariableName::parse("Consumer_Name").kind, kUnknown);
  EXPECT_EQ(VariableName::parse("Cookie_a").kind, kUnknown);
}

TEST(VariableName, EveryNameOfTheCatalogueIsItsOwnCanonicalForm) {
  for (int kind = 0; kind <= static_cast<int>(kUri); ++kind) {
    const VariableName name{static_cast<VariableKind>(kind), {}};
    const std::string text = name.to_string();
    if (kind != 0) EXPECT_NE(text, "") << kind;
    EXPECT_EQ(VariableName::parse(text), name) << text;
  }
}

TEST(VariableName, OnlyArgumentsBodyFieldsAndPluginVariablesMayBeStructured) {
  EXPECT_TRUE(VariableName::parse("post_arg.a").may_be_structured());
  EXPECT_TRUE(VariableName::parse("graphql_root_fields").may_be_structured());
  EXPECT_TRUE(VariableName::parse("my_own").may_be_structured());
  EXPECT_TRUE(VariableName::parse("arg_a").may_be_structured());  // "?a" is true
  EXPECT_FALSE(VariableName::parse("post_arg_a").may_be_structured());
  EXPECT_FALSE(VariableName::parse("uri").may_be_structured());
}

}  // namespace
}  // namespace apisix::route
