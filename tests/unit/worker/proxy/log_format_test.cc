#include "worker/proxy/log_format.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/event/loop.h"

namespace apisix::proxy {
namespace {

class LogFormatTest : public ::testing::Test {
 protected:
  LogFormatTest() : request_(arena_, loop_.clock()) {
    request_.head = arena_.make<http::RequestHead>();
    request_.client = &client_;
    request_.head->method_text = "G\"T";
    request_.path = "/a";
  }

  std::string line(std::string_view format, Escape escape = Escape::kDefault) {
    std::string out;
    LogFormat(format, escape).append(out, request_);
    return out;
  }

  event::Loop loop_;
  base::Arena arena_;
  plugin::ClientInfo client_;
  plugin::Request request_;
};

TEST_F(LogFormatTest, VariablesStandInText) {
  EXPECT_EQ(line("$uri ${uri}x $ $- ${uri $http_none."), "/a /ax $ $- ${uri -.\n");
}

TEST_F(LogFormatTest, TwoDollarsAreOne) {
  EXPECT_EQ(line("a$$b $$uri $$$uri"), "a$b $uri $/a\n");
  EXPECT_EQ(LogFormat("a$$b", Escape::kDefault).find_unknown_variable(), std::nullopt);
}

TEST_F(LogFormatTest, EscapesOfNginxConfAreRead) {
  EXPECT_EQ(line(R"({\"u\": \"$uri\"})", Escape::kJson), "{\"u\": \"/a\"}\n");
  EXPECT_EQ(line(R"(\'$uri\' \\ \t|\n|\r|)"), "'/a' \\ \t|\n|\r|\n");
  EXPECT_EQ(line(R"(\x \d $uri\)"), "\\x \\d /a\\\n");
  EXPECT_EQ(line(R"(\\"$uri)"), "\\\"/a\n");
}

TEST_F(LogFormatTest, ValuesAreEscapedAsAsked) {
  EXPECT_EQ(line("$request_method"), "G\\x22T\n");
  EXPECT_EQ(line("$request_method", Escape::kJson), "G\\\"T\n");
  EXPECT_EQ(line("$request_method", Escape::kNone), "G\"T\n");
}

TEST(LogVariables, OfNginxAndApisixAreKnown) {
  const LogFormat format(
      "$remote_addr $Remote_Addr $http_x_any $arg_x $cookie_x $sent_http_x $upstream_http_x $request_id "
      "$route_id "
      "$apisix_request_id $llm_model $upstream_scheme$upstream_host$upstream_uri $gzip_ratio $document_root "
      "$proxy_protocol_tlv_x ${upstream_addr} $jwt_auth_payload $rate_limiting_info $tcpinfo_rtt $ $-",
      Escape::kDefault);
  EXPECT_EQ(format.find_unknown_variable(), std::nullopt);
}

TEST(LogVariables, OthersAreNamed) {
  EXPECT_EQ(LogFormat("$uri $remote_adr $also_bad", Escape::kDefault).find_unknown_variable(), "remote_adr");
  EXPECT_EQ(LogFormat("${bad}", Escape::kJson).find_unknown_variable(), "bad");
  EXPECT_EQ(LogFormat("no variable at all", Escape::kNone).find_unknown_variable(), std::nullopt);
}

}  // namespace
}  // namespace apisix::proxy
