// Which of the upstream's fields reach the client, and which the gateway adds.
#include "worker/proxy/client_head.h"

#include "shared/http/h1/response_parser.h"
#include "tests/unit/worker/proxy/request_fixture.h"

namespace apisix::proxy {
namespace {

class ClientHeadTest : public RequestTest {
 protected:
  ClientHeadTest() { receive("/"); }

  void take(std::string_view fields) {
    const auto head = http::parse_response_head(
        arena_.concat(std::string_view("HTTP/1.1 200 OK\r\n"), fields, std::string_view("\r\n")), arena_,
        http::Method::kGet, {});
    ASSERT_TRUE(head.has_value()) << head.error().what;
    take_upstream_headers(request_, **head);
  }
  void complete() { complete_response_headers(request_, options_, date_); }
  void add(std::string_view name, std::string_view value) {
    ASSERT_TRUE(request_.response.headers.add(arena_, name, value));
  }
  void tried(std::uint16_t status) { request_.add_attempt().status = status; }
  std::string given(std::string_view name) const { return values(request_.response.headers, name); }

  Options options_;
  http::DateCache date_;
};

TEST_F(ClientHeadTest, EndToEndFieldsPassInOrder) {
  take("X-B: 1\r\nSet-Cookie: a\r\nX-A: 2\r\nSet-Cookie: b\r\nServer: node\r\n");
  std::string names;
  for (const http::HeaderField& field : request_.response.headers) names += std::string(field.name) + " ";
  EXPECT_EQ(names, "X-B Set-Cookie X-A Set-Cookie Server ");
  EXPECT_EQ(given("Set-Cookie"), "a | b");
}

// RFC 9110 7.6.1.
TEST_F(ClientHeadTest, FieldsOfTheConnectionEndHere) {
  take(
      "Connection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n"
      "Proxy-Connection: keep-alive\r\nX-Other: 2\r\n");
  for (const char* name : {"Connection", "X-Mine", "Keep-Alive", "Transfer-Encoding", "Proxy-Connection"}) {
    EXPECT_EQ(given(name), "(none)") << name;
  }
  EXPECT_EQ(given("X-Other"), "2");
}

TEST_F(ClientHeadTest, OrdersToAnNginxInFrontEndHere) {
  take("X-Accel-Redirect: /in\r\nx-accel-buffering: no\r\nX-ACCEL-Expires: 1\r\nX-Accelerate: yes\r\n");
  for (const char* name : {"X-Accel-Redirect", "X-Accel-Buffering", "X-Accel-Expires"}) {
    EXPECT_EQ(given(name), "(none)") << name;
  }
  EXPECT_EQ(given("X-Accelerate"), "yes");
}

// --- Date

// RFC 9110 6.6.1: a recipient with a clock adds the field when it is missing.
TEST_F(ClientHeadTest, DateIsAddedInTheFormOfHttp) {
  complete();
  const std::string date = given("Date");
  EXPECT_EQ(date.size(), std::string_view("Mon, 30 Nov 2026 10:47:18 GMT").size()) << date;
  EXPECT_TRUE(date.ends_with(" GMT")) << date;
}

TEST_F(ClientHeadTest, DateOfTheUpstreamIsKept) {
  take("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
  complete();
  EXPECT_EQ(given("Date"), "Thu, 01 Jan 1970 00:00:00 GMT");
}

// --- charset (nginx's charset and charset_types)

struct TypedBody {
  const char* name;
  const char* type;
  const char* becomes;
};
class CharsetTest : public ClientHeadTest, public ::testing::WithParamInterface<TypedBody> {};

TEST_P(CharsetTest, IsAddedToTextAlone) {
  options_.charset = Charset("utf-8");
  add("Content-Type", GetParam().type);
  complete();
  EXPECT_EQ(given("Content-Type"), GetParam().becomes);
}

INSTANTIATE_TEST_SUITE_P(
    ClientHead, CharsetTest,
    ::testing::Values(TypedBody{"Html", "text/html", "text/html; charset=utf-8"},
                      TypedBody{"Plain", "text/plain", "text/plain; charset=utf-8"},
                      TypedBody{"Xml", "text/xml", "text/xml; charset=utf-8"},
                      TypedBody{"Rss", "application/rss+xml", "application/rss+xml; charset=utf-8"},
                      TypedBody{"Script", "application/javascript", "application/javascript; charset=utf-8"},
                      TypedBody{"UpperCase", "TEXT/HTML", "TEXT/HTML; charset=utf-8"},
                      TypedBody{"OtherParameter", "text/html; a=b", "text/html; a=b; charset=utf-8"},
                      TypedBody{"ItsOwnCharset", "text/html; charset=latin1", "text/html; charset=latin1"},
                      TypedBody{"Json", "application/json", "application/json"},
                      TypedBody{"Css", "text/css", "text/css"}, TypedBody{"Image", "image/png", "image/png"},
                      TypedBody{"LongerType", "text/html5", "text/html5"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(ClientHeadTest, CharsetOffAddsNone) {
  add("Content-Type", "text/html");
  complete();
  EXPECT_EQ(given("Content-Type"), "text/html");
}

TEST_F(ClientHeadTest, CharsetIsNotSaidOfACodedBody) {
  options_.charset = Charset("utf-8");
  add("Content-Type", "text/html");
  add("Content-Encoding", "gzip");
  complete();
  EXPECT_EQ(given("Content-Type"), "text/html");
}

TEST_F(ClientHeadTest, CharsetWithoutAContentTypeAddsNone) {
  options_.charset = Charset("utf-8");
  complete();
  EXPECT_EQ(given("Content-Type"), "(none)");
}

// --- X-APISIX-Upstream-Status

TEST_F(ClientHeadTest, UpstreamStatusIsSaidOfFailures) {
  tried(503);
  complete();
  EXPECT_EQ(given("X-APISIX-Upstream-Status"), "503");
}

TEST_F(ClientHeadTest, UpstreamStatusBelow500IsNotSaid) {
  tried(499);
  complete();
  EXPECT_EQ(given("X-APISIX-Upstream-Status"), "(none)");
}

TEST_F(ClientHeadTest, UpstreamStatusIsAlwaysSaidWhenConfigured) {
  options_.show_upstream_status = true;
  tried(200);
  complete();
  EXPECT_EQ(given("X-APISIX-Upstream-Status"), "200");
}

TEST_F(ClientHeadTest, UpstreamStatusesOfAllTriesAreJoined) {
  options_.show_upstream_status = true;
  for (const std::uint16_t status : {502, 504, 200}) tried(status);
  complete();
  EXPECT_EQ(given("X-APISIX-Upstream-Status"), "502, 504, 200");
}

TEST_F(ClientHeadTest, UpstreamStatusCountsByTheLastTry) {
  tried(502);
  tried(200);
  complete();
  EXPECT_EQ(given("X-APISIX-Upstream-Status"), "(none)");
}

TEST_F(ClientHeadTest, UpstreamStatusOfANodeThatClaimsIsReplaced) {
  options_.show_upstream_status = true;
  take("X-APISIX-Upstream-Status: 200\r\n");
  tried(503);
  complete();
  EXPECT_EQ(given("X-APISIX-Upstream-Status"), "503");
}

TEST_F(ClientHeadTest, UpstreamStatusNeedsAnUpstream) {
  options_.show_upstream_status = true;
  complete();
  EXPECT_EQ(given("X-APISIX-Upstream-Status"), "(none)");
  tried(0);  // a try that got no status
  complete();
  EXPECT_EQ(given("X-APISIX-Upstream-Status"), "(none)");
}

}  // namespace
}  // namespace apisix::proxy
