// What stands behind a message about a request in error.log.
#include "worker/plugin/request_log.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/event/loop.h"
#include "worker/plugin/log_text.h"

namespace apisix::plugin {
namespace {

using namespace std::string_literals;

class RequestLogTest : public ::testing::Test {
 protected:
  RequestLogTest() : request_(arena_, loop_.clock()) {
    request_.head = arena_.make<http::RequestHead>();
    request_.client.ip = *base::IpAddress::parse("192.0.2.1");
  }

  // Without the request's id, which is drawn.
  std::string suffix() {
    std::string out = log_suffix(request_);
    const std::string id = ", request_id: \"" + std::string(request_.request_id()) + "\"";
    const auto at = out.find(id);
    if (at == std::string::npos) return "no id: " + out;
    return out.erase(at, id.size());
  }

  event::Loop loop_;
  base::Arena arena_;
  RequestState request_;
};

TEST_F(RequestLogTest, OfAnEmptyRequestTheClientIsSaid) {
  EXPECT_EQ(suffix(), ", client: 192.0.2.1, server: _");
  request_.head = nullptr;
  EXPECT_EQ(suffix(), ", client: 192.0.2.1, server: _");
}

TEST_F(RequestLogTest, EveryFieldHasItsPlace) {
  request_.head->request_line = "GET /x?y=1 HTTP/1.1";
  request_.head->authority = "a.test:9080";
  request_.upstream.scheme = "http";
  request_.upstream.uri = "/z?y=1";
  request_.matched.route_id = "r1";
  EXPECT_EQ(suffix(),
            ", client: 192.0.2.1, server: _, request: \"GET /x?y=1 HTTP/1.1\", host: \"a.test:9080\", route: "
            "\"r1\"");
  Attempt& attempt = request_.add_attempt();
  attempt.ip = *base::IpAddress::parse("127.0.0.1");
  attempt.port = 80;
  EXPECT_EQ(suffix(),
            ", client: 192.0.2.1, server: _, request: \"GET /x?y=1 HTTP/1.1\", "
            "upstream: \"http://127.0.0.1:80/z?y=1\", host: \"a.test:9080\", route: \"r1\"");
  request_.attempts.last->ip = *base::IpAddress::parse("::1");
  EXPECT_NE(suffix().find("upstream: \"http://[::1]:80/z?y=1\""), std::string::npos);
}

TEST_F(RequestLogTest, APluginsRequestIdIsTheOneThatIsSaid) {
  Request(request_).set_variable("apisix_request_id", "mine\"");
  EXPECT_EQ(log_suffix(request_), ", client: 192.0.2.1, server: _, request_id: \"mine\\x22\"");
}

TEST_F(RequestLogTest, NoByteOfAClientEndsItsQuotesOrTheLine) {
  const std::string line = "GET /\", host: \"b\"\\\r\n\x1b[31m\x7f\x9b\0x"s;
  request_.head->request_line = line;
  const std::string out = suffix();
  EXPECT_NE(out.find("request: \"GET /\\x22, host: \\x22b\\x22\\x5C\\x0D\\x0A\\x1B[31m\\x7F\\x9B\\x00x\""),
            std::string::npos)
      << out;
}

TEST_F(RequestLogTest, LongTextIsCut) {
  const std::string line = "GET /" + std::string(10'000, 'a') + " HTTP/1.1";
  request_.head->request_line = line;
  request_.head->authority = std::string_view(line).substr(5, 5000);
  const std::string out = suffix();
  EXPECT_LT(out.size(), 2048u);
  EXPECT_NE(out.find("aaa...\", host: \"a"), std::string::npos);
}

TEST(EscapedText, IsPlainAscii) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  std::string out = "=";
  append_escaped(out, all);
  EXPECT_EQ(out.substr(0, 9), "=\\x00\\x01");
  for (const char c : out) EXPECT_TRUE(c >= 0x20 && c < 0x7f && c != '"') << static_cast<int>(c);
  out.clear();
  append_escaped(out, "a b/c?d=e%20");
  EXPECT_EQ(out, "a b/c?d=e%20");
}

}  // namespace
}  // namespace apisix::plugin
