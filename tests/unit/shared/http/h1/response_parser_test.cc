#include "shared/http/h1/response_parser.h"

#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/shared/http/h1/every_way.h"

namespace apisix::http {
namespace {

using namespace std::string_literals;

std::string ok(const std::string& fields) {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n";
}

struct FramingRow {
  const char* name;
  std::string bytes;
  Method method;
  Framing framing;
  bool keep_alive;
  std::uint64_t content_length = 0;
  bool has_content_length = false;
};
void PrintTo(const FramingRow& row, std::ostream* out) {
  *out << row.name;
}

class ResponseFraming : public ::testing::TestWithParam<FramingRow> {};

TEST_P(ResponseFraming, AsRfc9112Says) {
  base::Arena arena;
  const auto head =
      parse_response_every_way(arena.copy(GetParam().bytes), arena, GetParam().method, ResponseLimits{});
  ASSERT_TRUE(head) << head.error().what;
  EXPECT_EQ((*head)->framing, GetParam().framing);
  EXPECT_EQ((*head)->keep_alive, GetParam().keep_alive);
  EXPECT_EQ((*head)->content_length, GetParam().content_length);
  EXPECT_EQ((*head)->has_content_length, GetParam().has_content_length);
}

const FramingRow kFraming[] = {
    {"length", ok("Content-Length: 5\r\n"), Method::kGet, Framing::kLength, true, 5, true},
    {"length 0", ok("Content-Length: 0\r\n"), Method::kGet, Framing::kLength, true, 0, true},
    {"chunked", ok("Transfer-Encoding: Chunked\r\n"), Method::kGet, Framing::kChunked, true},
    {"neither", ok(""), Method::kGet, Framing::kUntilClose, false},
    {"neither, keep-alive", ok("Connection: keep-alive\r\n"), Method::kGet, Framing::kUntilClose, false},
    {"close", ok("Content-Length: 5\r\nConnection: close\r\n"), Method::kGet, Framing::kLength, false, 5,
     true},
    {"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Method::kGet, Framing::kLength, false, 5, true},
    {"1.0 with keep-alive", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n",
     Method::kGet, Framing::kLength, true, 5, true},
    {"1.0 without a length", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", Method::kGet,
     Framing::kUntilClose, false},
    {"HEAD with a length", ok("Content-Length: 5\r\n"), Method::kHead, Framing::kNone, true, 5, true},
    {"HEAD with chunks", ok("Transfer-Encoding: chunked\r\n"), Method::kHead, Framing::kNone, true},
    {"HEAD with nothing", ok(""), Method::kHead, Framing::kNone, true},
    {"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Method::kGet,
     Framing::kNone, true, 5, true},
    {"304 with nothing", "HTTP/1.1 304 Not Modified\r\n\r\n", Method::kGet, Framing::kNone, true},
    {"204", "HTTP/1.1 204 No Content\r\n\r\n", Method::kGet, Framing::kNone, true},
    {"204 with length 0", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", Method::kGet,
     Framing::kNone, true},
    {"204 that announces a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Method::kGet,
     Framing::kNone, false, 5},
    {"204 that announces chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
     Method::kGet, Framing::kNone, false},
    {"100", "HTTP/1.1 100 Continue\r\n\r\n", Method::kPost, Framing::kNone, true},
    {"100 that announces a body", "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", Method::kPost,
     Framing::kNone, false, 5},
    {"103", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", Method::kGet, Framing::kNone, true},
    {"205 is like any other", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", Method::kPost,
     Framing::kLength, true, 0, true},
    {"error with a length", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\n\r\n", Method::kGet,
     Framing::kLength, true, 5, true},
    {"CONNECT 200 is a tunnel", ok("Content-Length: 5\r\n"), Method::kConnect, Framing::kUntilClose, false},
    {"CONNECT 407", "HTTP/1.1 407 x\r\nContent-Length: 5\r\n\r\n", Method::kConnect, Framing::kLength, true,
     5, true},
};
INSTANTIATE_TEST_SUITE_P(Table, ResponseFraming, ::testing::ValuesIn(kFraming));

struct BadRow {
  const char* name;
  std::string bytes;
};
void PrintTo(const BadRow& row, std::ostream* out) {
  *out << row.name;
}

class BadResponse : public ::testing::TestWithParam<BadRow> {};

TEST_P(BadResponse, IsRefusedWith502) {
  base::Arena arena;
  const auto head =
      parse_response_every_way(arena.copy(GetParam().bytes), arena, Method::kGet, ResponseLimits{});
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().status, 502);
  EXPECT_STRNE(head.error().what, "");
}

const BadRow kBad[] = {
    {"CL and TE", ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
    {"TE and CL", ok("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
    {"CL and unknown TE", ok("Content-Length: 5\r\nTransfer-Encoding: x\r\n")},
    {"two CL, differing", ok("Content-Length: 5\r\nContent-Length: 6\r\n")},
    {"two CL, the same", ok("Content-Length: 5\r\nContent-Length: 5\r\n")},
    {"CL list", ok("Content-Length: 5, 5\r\n")},
    {"CL with plus", ok("Content-Length: +5\r\n")},
    {"CL negative", ok("Content-Length: -1\r\n")},
    {"CL empty", ok("Content-Length:\r\n")},
    {"CL of 64 bits", ok("Content-Length: 18446744073709551615\r\n")},
    {"two TE", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
    {"TE gzip, chunked", ok("Transfer-Encoding: gzip, chunked\r\n")},
    {"TE identity", ok("Transfer-Encoding: identity\r\n")},
    {"TE chunked, identity", ok("Transfer-Encoding: chunked, identity\r\n")},
    {"TE xchunked", ok("Transfer-Encoding: xchunked\r\n")},
    {"TE with a vertical tab", ok("Transfer-Encoding: \vchunked\r\n")},
    {"TE empty", ok("Transfer-Encoding:\r\n")},
    {"TE in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"CL and TE in a 204", "HTTP/1.1 204 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"CL list in a 304", "HTTP/1.1 304 x\r\nContent-Length: 5, 6\r\n\r\n"},
    {"obs-fold", ok("X: a\r\n b\r\n")},
    {"obs-fold in the first field line", ok(" X: a\r\n")},
    {"bare LF", "HTTP/1.1 200 OK\nX: a\n\n"},
    {"bare LF after a field", ok("X: a\nY: b\r\n")},
    {"bare CR", ok("X: a\rb\r\n")},
    {"NUL", ok("X: a\0b\r\n"s)},
    {"NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"s},
    {"empty name", ok(": a\r\n")},
    {"space in a name", ok("X Y: a\r\n")},
    {"a name of white space", ok(" : a\r\n")},
    {"no colon", ok("X\r\n")},
    {"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n"},
    {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n"},
    {"lower-case version", "http/1.1 200 OK\r\n\r\n"},
    {"another protocol", "ICY 200 OK\r\nX: yyy\r\n\r\n"},
    {"HTTP/0.9", "<html>hello</html>\r\n\r\n"},
    {"two digits", "HTTP/1.1 20 OK\r\n\r\n"},
    {"four digits", "HTTP/1.1 2000 OK\r\n\r\n"},
    {"leading zero", "HTTP/1.1 099 OK\r\n\r\n"},
    {"letters", "HTTP/1.1 abc OK\r\n\r\n"},
    {"signed", "HTTP/1.1 +20 OK\r\n\r\n"},
    {"two spaces", "HTTP/1.1  200 OK\r\n\r\n"},
    {"no space in front of the reason", "HTTP/1.1 200OK\r\n\r\n"},
    {"empty line in front", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
    {"bytes behind", ok("") + "x"},
    {"too short", "HTTP/1.1 20\r\n\r\n"},
};
INSTANTIATE_TEST_SUITE_P(Table, BadResponse, ::testing::ValuesIn(kBad));

class ResponseParser : public ::testing::Test {
 protected:
  const ResponseHead& parse(const std::string& bytes, Method method = Method::kGet) {
    const auto parsed = parse_response_every_way(arena_.copy(bytes), arena_, method, limits_);
    if (parsed) return **parsed;
    ADD_FAILURE() << bytes << ": " << parsed.error().what;
    return *arena_.make<ResponseHead>();
  }
  bool is_refused(const std::string& bytes) {
    return !parse_response_every_way(arena_.copy(bytes), arena_, Method::kGet, limits_);
  }

  base::Arena arena_;
  ResponseLimits limits_;
};

TEST_F(ResponseParser, TheParts) {
  const ResponseHead& head =
      parse("HTTP/1.1 404 Not  Found\r\nServer: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n");
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.protocol, Protocol::k11);
  EXPECT_EQ(head.reason, "Not  Found");
  EXPECT_EQ(head.headers.value(KnownHeader::kServer), "x");
  EXPECT_EQ(head.headers.count(KnownHeader::kSetCookie), 2u);
}

TEST_F(ResponseParser, TheReasonMayBeMissing) {
  EXPECT_EQ(parse("HTTP/1.1 200 \r\n\r\n").reason, "");
  EXPECT_EQ(parse("HTTP/1.1 200\r\n\r\n").reason, "");
  EXPECT_EQ(parse("HTTP/1.1 200 \xc3\xa4\t!\r\n\r\n").reason, "\xc3\xa4\t!");
  EXPECT_EQ(parse("HTTP/1.1 599 x\r\n\r\n").status, 599);
  EXPECT_EQ(parse("HTTP/1.1 999 x\r\n\r\n").status, 999);
}

// RFC 9112 5.1: removed before the message goes on, and the field counts.
TEST_F(ResponseParser, WhiteSpaceInFrontOfAColonIsRemoved) {
  const ResponseHead& head = parse(ok("X-A : b\r\nContent-Length \t: 5\r\n"));
  EXPECT_EQ(head.headers.begin()->name, "X-A");
  EXPECT_FALSE(head.headers.begin()->intact);
  EXPECT_EQ(head.framing, Framing::kLength);
  EXPECT_EQ(head.content_length, 5u);
  EXPECT_TRUE(is_refused(ok("Content-Length : 5\r\nContent-Length: 6\r\n")));
  EXPECT_TRUE(is_refused(ok("Content-Length : 5\r\nTransfer-Encoding: chunked\r\n")));
}

TEST_F(ResponseParser, Upgrade) {
  EXPECT_TRUE(parse("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").upgrade);
  EXPECT_FALSE(parse("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n").upgrade);
  EXPECT_FALSE(parse("HTTP/1.1 101 x\r\nConnection: Upgrade\r\n\r\n").upgrade);
  EXPECT_FALSE(parse(ok("Connection: Upgrade\r\nUpgrade: websocket\r\n")).upgrade);
}

TEST_F(ResponseParser, NominatedFieldsAreMarked) {
  const ResponseHead& head = parse(ok("X-Hop: 1\r\nConnection: x-hop, set-cookie\r\nSet-Cookie: a=b\r\n"));
  EXPECT_TRUE(head.headers.find("X-Hop")->nominated);
  EXPECT_FALSE(head.headers.find(KnownHeader::kSetCookie)->nominated);
}

TEST_F(ResponseParser, Limits) {
  limits_ = {.header_count_max = 2, .header_line_bytes_max = 10, .head_bytes_max = 60};
  EXPECT_FALSE(is_refused(ok("A: b\r\nC: 4567890\r\n")));
  EXPECT_TRUE(is_refused(ok("A: b\r\nC: d\r\nE: f\r\n")));
  EXPECT_TRUE(is_refused(ok("C: 45678901\r\n")));
  EXPECT_TRUE(is_refused("HTTP/1.1 200 " + std::string(60, 'x') + "\r\n\r\n"));
}

TEST(ResponseNames, WhatIsNoTokenOrReadsAsFramingElsewhereIsLeftOut) {
  base::Arena arena;
  const auto head = parse_response_head(
      arena.copy(ok("Content-Length: 0\r\nX[1]: a\r\nX.Y: b\r\nContent_Length: 5\r\nX_A: c\r\n")), arena,
      Method::kGet, ResponseLimits{});
  ASSERT_TRUE(head);
  EXPECT_EQ((*head)->headers.size(), 3u);
  EXPECT_EQ((*head)->headers.find("x.y")->value, "b");
  EXPECT_EQ((*head)->headers.find("x_a")->value, "c");
  ASSERT_NE((*head)->ignored_lines, nullptr);
  EXPECT_EQ((*head)->ignored_lines->text, "X[1]: a");
  EXPECT_EQ((*head)->ignored_lines->next->text, "Content_Length: 5");
}

}  // namespace
}  // namespace apisix::http
