#include "shared/http/h2/request_head.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/http/h1/head_writer.h"
#include "shared/http/request_line.h"

namespace apisix::h2 {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const Fields kGet = {{":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "/x?y=z"}};

Fields with(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

Fields replaced(std::string_view name, std::string value) {
  Fields fields = kGet;
  for (auto& [key, old] : fields) {
    if (key == name) old = std::move(value);
  }
  return fields;
}

class RequestHeadBuilderTest : public testing::Test {
 protected:
  std::expected<http::RequestHead*, http::ParseError> build(const Fields& fields, bool end = true) {
    for (const auto& [name, value] : fields) builder_.add(name, value);
    return builder_.finish(end);
  }
  std::string as_http1(http::RequestHead& head) {
    http::RequestWrite write;
    write.method = head.method_text;
    write.target = head.target;
    write.headers = &head.headers;
    write.received = &head;
    write.framing = head.framing;
    write.content_length = head.content_length;
    return std::string(http::write_request_head(write, arena_));
  }

  base::Arena arena_;
  http::RequestLimits limits_;
  RequestHeadBuilder builder_{arena_, limits_};
};

TEST_F(RequestHeadBuilderTest, GetBecomesAHeadOfHttp2) {
  const auto head = build(with(kGet, {{"accept", "*/*"}, {"x-a", "b"}}));
  ASSERT_TRUE(head);
  EXPECT_EQ((*head)->protocol, http::Protocol::k2);
  EXPECT_EQ((*head)->method, http::Method::kGet);
  EXPECT_EQ((*head)->path, "/x");
  EXPECT_EQ((*head)->query, "y=z");
  EXPECT_EQ((*head)->authority, "a.test");
  EXPECT_EQ((*head)->framing, http::Framing::kNone);
  EXPECT_EQ(http::request_line(**head, arena_), "GET /x?y=z HTTP/2.0");
  EXPECT_EQ(as_http1(**head), "GET /x?y=z HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\nx-a: b\r\n\r\n");
}

TEST_F(RequestHeadBuilderTest, ContentWithoutLengthIsChunked) {
  const auto head = build(replaced(":method", "POST"), /*end=*/false);
  ASSERT_TRUE(head);
  EXPECT_EQ((*head)->framing, http::Framing::kChunked);
}

TEST_F(RequestHeadBuilderTest, ContentWithLengthKeepsIt) {
  const auto head = build(with(replaced(":method", "POST"), {{"content-length", "5"}}), /*end=*/false);
  ASSERT_TRUE(head);
  EXPECT_EQ((*head)->framing, http::Framing::kLength);
  EXPECT_EQ((*head)->content_length, 5U);
}

TEST_F(RequestHeadBuilderTest, CookieCrumbsAreOneField) {
  const auto head = build(with(kGet, {{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c=3"}}));
  ASSERT_TRUE(head);
  EXPECT_EQ((*head)->headers.count(http::KnownHeader::kCookie), 1U);
  EXPECT_EQ((*head)->headers.value(http::KnownHeader::kCookie), "a=1; b=2; c=3");
}

TEST_F(RequestHeadBuilderTest, HostThatIsTheAuthorityIsOneHost) {
  const auto head = build(with(kGet, {{"host", "a.test"}}));
  ASSERT_TRUE(head);
  EXPECT_EQ((*head)->headers.count(http::KnownHeader::kHost), 1U);
}

TEST_F(RequestHeadBuilderTest, HostStandsForAMissingAuthority) {
  const auto head = build({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "b.test:8080"}});
  ASSERT_TRUE(head);
  EXPECT_EQ((*head)->authority, "b.test:8080");
}

TEST_F(RequestHeadBuilderTest, ExpectWaitsOnlyForContent) {
  const Fields fields = with(replaced(":method", "POST"), {{"expect", "100-continue"}});
  const auto head = build(fields, /*end=*/false);
  ASSERT_TRUE(head);
  EXPECT_TRUE((*head)->expect_continue);
  RequestHeadBuilder other(arena_, limits_);
  for (const auto& [name, value] : fields) other.add(name, value);
  const auto without = other.finish(/*end=*/true);
  ASSERT_TRUE(without);
  EXPECT_FALSE((*without)->expect_continue);
}

TEST_F(RequestHeadBuilderTest, WebSocketBecomesTheUpgradeOfHttp1) {
  const auto head = build({{":method", "CONNECT"},
                           {":protocol", "websocket"},
                           {":scheme", "http"},
                           {":authority", "a.test"},
                           {":path", "/chat"},
                           {"sec-websocket-version", "13"}},
                          /*end=*/false);
  ASSERT_TRUE(head);
  EXPECT_EQ((*head)->method, http::Method::kGet);
  EXPECT_TRUE((*head)->upgrade);
  EXPECT_EQ((*head)->upgrade_protocol, "websocket");
  EXPECT_EQ((*head)->framing, http::Framing::kNone);
  EXPECT_EQ((*head)->headers.value(http::KnownHeader::kSecWebsocketKey).size(), 24U);
}

TEST_F(RequestHeadBuilderTest, ConnectIsAnAuthorityForThePipelineToRefuse) {
  const auto head = build({{":method", "CONNECT"}, {":authority", "a.test:443"}}, /*end=*/false);
  ASSERT_TRUE(head);
  EXPECT_EQ((*head)->method, http::Method::kConnect);
  EXPECT_EQ((*head)->form, http::TargetForm::kAuthority);
}

// What RFC 9113 8.1.1 calls malformed: the stream is reset, and no one sees a request.
TEST(RequestHeadTableTest, MalformedRequestsAreStreamErrors) {
  const Fields no_path = {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}};
  const std::vector<std::pair<std::string, Fields>> rows = {
      {"no :path", no_path},
      {"no :method", {{":scheme", "http"}, {":authority", "a"}, {":path", "/"}}},
      {"no :scheme", {{":method", "GET"}, {":authority", "a"}, {":path", "/"}}},
      {"empty :path", replaced(":path", "")},
      {"empty :method", replaced(":method", "")},
      {"two :path", with(kGet, {{":path", "/admin"}})},
      {"two :authority", with(kGet, {{":authority", "b.test"}})},
      {"unknown pseudo field", with(kGet, {{":status", "200"}})},
      {"pseudo field behind a field", with({{"x", "y"}}, kGet)},
      {"upper case", with(kGet, {{"X-A", "b"}})},
      {"transfer-encoding (H2.TE)", with(kGet, {{"transfer-encoding", "chunked"}})},
      {"connection", with(kGet, {{"connection", "x-a"}})},
      {"keep-alive", with(kGet, {{"keep-alive", "1"}})},
      {"proxy-connection", with(kGet, {{"proxy-connection", "keep-alive"}})},
      {"upgrade", with(kGet, {{"upgrade", "websocket"}})},
      {"te", with(kGet, {{"te", "gzip"}})},
      {"CR LF in a value", with(kGet, {{"x", "a\r\ntransfer-encoding: chunked"}})},
      {"LF in a value", with(kGet, {{"x", "a\nb"}})},
      {"CR in a value", with(kGet, {{"x", "a\rb"}})},
      {"NUL in a value", with(kGet, {{"x", std::string("a\0b", 3)}})},
      {"CR LF in a name", with(kGet, {{"x\r\ntransfer-encoding", "chunked"}})},
      {"CR LF in a cookie", with(kGet, {{"cookie", "a\r\nx: y"}})},
      {"CR LF in :path", replaced(":path", "/ HTTP/1.1\r\nx: y\r\n\r\nGET /")},
      {"LF in :method", replaced(":method", "GET / HTTP/1.1\nx:")},
      {"LF in :authority", replaced(":authority", "a\nx: y")},
      {"empty name", with(kGet, {{"", "y"}})},
      {"colon in a name", with(kGet, {{"transfer-encoding: chunked", "y"}})},
      {"CONNECT with a path", with({{":method", "CONNECT"}, {":authority", "a:1"}}, {{":path", "/"}})},
      {":protocol without CONNECT", with(kGet, {{":protocol", "websocket"}})},
  };
  for (const auto& [name, fields] : rows) {
    base::Arena arena;
    const http::RequestLimits limits;
    RequestHeadBuilder builder(arena, limits);
    for (const auto& [key, value] : fields) builder.add(key, value);
    EXPECT_FALSE(builder.finish(true)) << name;
    EXPECT_TRUE(builder.is_malformed()) << name;
  }
}

// Well-formed for HTTP/2, and refused as the same request of HTTP/1 is.
TEST(RequestHeadTableTest, WhatNoUpstreamMaySeeGetsAResponse) {
  const std::vector<std::tuple<std::string, Fields, int>> rows = {
      {"space in :path", replaced(":path", "/a b"), 400},
      {"space and version in :path", replaced(":path", "/ HTTP/1.1"), 400},
      {"absolute :path", replaced(":path", "http://b.test/"), 400},
      {"relative :path", replaced(":path", "x"), 400},
      {"* without OPTIONS", replaced(":path", "*"), 400},
      {"fragment", replaced(":path", "/#x"), 400},
      {"space in :method", replaced(":method", "GET /"), 400},
      {"lower case :method", replaced(":method", "get"), 400},
      {"another :scheme", replaced(":scheme", "ftp"), 400},
      {"user in :authority", replaced(":authority", "u@a"), 400},
      {"slash in :authority", replaced(":authority", "a/b"), 400},
      {"space in :authority", replaced(":authority", "a b"), 400},
      {"Host differs", with(kGet, {{"host", "b.test"}}), 400},
      {"neither :authority nor Host", {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}, 400},
      {"two Hosts",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}, {"host", "a"}},
       400},
      {"two lengths", with(kGet, {{"content-length", "1"}, {"content-length", "1"}}), 400},
      {"negative length", with(kGet, {{"content-length", "-1"}}), 400},
      {"list of lengths", with(kGet, {{"content-length", "1, 1"}}), 400},
      {"space in a name", with(kGet, {{"x y", "z"}}), 400},
      {"another expectation", with(kGet, {{"expect", "x"}}), 417},
      {"long line", with(kGet, {{"x", std::string(9000, 'a')}}), 431},
      {"another protocol",
       {{":method", "CONNECT"}, {":protocol", "x"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}},
       501},
  };
  for (const auto& [name, fields, status] : rows) {
    base::Arena arena;
    const http::RequestLimits limits;
    RequestHeadBuilder builder(arena, limits);
    for (const auto& [key, value] : fields) builder.add(key, value);
    const auto head = builder.finish(false);
    ASSERT_FALSE(head) << name;
    EXPECT_FALSE(builder.is_malformed()) << name;
    EXPECT_EQ(head.error().status, status) << name << ": " << head.error().what;
    EXPECT_EQ(head.error().request->protocol, http::Protocol::k2) << name;
  }
}

TEST_F(RequestHeadBuilderTest, ListBeyondTheLimitIs431AndThenAFlood) {
  const std::string value(4000, 'a');
  for (const auto& [name, text] : kGet) builder_.add(name, text);
  for (int i = 0; i < 20; ++i) builder_.add("x", value);
  EXPECT_FALSE(builder_.is_flood());
  for (int i = 0; i < 20; ++i) builder_.add("x", value);
  EXPECT_TRUE(builder_.is_flood());
  const auto head = builder_.finish(true);
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().status, 431);
  EXPECT_EQ(head.error().request->request_line, "GET /x?y=z HTTP/2.0");
  EXPECT_LT(arena_.bytes(), 200'000U);
}

TEST_F(RequestHeadBuilderTest, ManyCrumbsCostTheirSize) {
  for (const auto& [name, text] : kGet) builder_.add(name, text);
  for (int i = 0; i < 100'000; ++i) builder_.add("cookie", "a");
  EXPECT_TRUE(builder_.is_flood());
  EXPECT_LT(arena_.bytes(), 400'000U);
}

}  // namespace
}  // namespace apisix::h2
