#include "shared/http/h1/head_writer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "shared/http/h1/request_parser.h"
#include "shared/http/h1/response_parser.h"

namespace apisix::http {
namespace {

using namespace std::string_literals;

class HeadWriter : public ::testing::Test {
 protected:
  const RequestHead& parse(const std::string& bytes) {
    const auto parsed = parse_request_head(arena_.copy(bytes), arena_, RequestLimits{});
    EXPECT_TRUE(parsed) << bytes;
    return **parsed;
  }
  static RequestWrite passed_on(const RequestHead& head) {
    return {.method = head.method_text,
            .target = head.target,
            .headers = &head.headers,
            .content_length = head.content_length,
            .framing = head.framing};
  }
  // All three ways to write must agree.
  template <typename Head, typename Size, typename Write>
  std::string check(const Head& head, Size size, Write write) {
    const std::string out(write(head, arena_));
    EXPECT_EQ(size(head), out.size());
    std::vector<char> exact(out.size());
    EXPECT_EQ(write(head, std::span<char>(exact)), out.size());
    EXPECT_EQ(std::string(exact.data(), exact.size()), out);
    if (!out.empty()) {
      std::vector<char> small(out.size() - 1);
      EXPECT_EQ(write(head, std::span<char>(small)), 0u);
    }
    return out;
  }
  std::string write(const RequestWrite& head) {
    return check(head, request_head_bytes,
                 [](const auto& h, auto&& out) { return write_request_head(h, out); });
  }
  std::string write(const ResponseWrite& head) {
    return check(head, response_head_bytes,
                 [](const auto& h, auto&& out) { return write_response_head(h, out); });
  }

  base::Arena arena_;
};

// What is left of the arena's block is used when it suffices; else the head goes to a block of its own.
TEST_F(HeadWriter, TheSameIntoAnArenaThatIsNearlyFull) {
  const RequestHead& head =
      parse("GET /a HTTP/1.1\r\nHost: c\r\nX-E: f\r\nX-G:  " + std::string(60, 'h') + "\r\n\r\n");
  RequestWrite out = passed_on(head);
  out.framing = Framing::kLength;
  out.content_length = ~std::uint64_t{0};
  out.connection = ConnectionOption::kUpgrade;
  out.upgrade_protocol = "websocket";
  const std::string expected = write(out);
  for (std::size_t left = 0; left < 2 * expected.size(); ++left) {
    base::Arena arena;
    arena.text(1);
    const std::size_t block = arena.room().size();
    arena.text(block - left);
    const std::string_view written = write_request_head(out, arena);
    const std::string_view behind = arena.copy("behind");
    EXPECT_EQ(written, expected) << left;
    EXPECT_EQ(behind, "behind");
  }
}

// Sizes on both sides of each step of append_text().
TEST_F(HeadWriter, TextOfEveryLength) {
  std::string text;
  for (int i = 0; i < 80; ++i) {
    std::vector<char> out(text.size() + 2, '#');
    EXPECT_EQ(append_text(out.data() + 1, text), out.data() + 1 + text.size());
    EXPECT_EQ(std::string(out.begin(), out.end()), "#" + text + "#");
    text += static_cast<char>('!' + i);
  }
}

TEST_F(HeadWriter, ARequestAsReceived) {
  const std::string bytes = "GET /a?b HTTP/1.1\r\nHost: c\r\nUser-Agent: d\r\nX-E: f\r\n\r\n";
  EXPECT_EQ(write(passed_on(parse(bytes))), bytes);
}

TEST_F(HeadWriter, OddLinesComeOutInTheUsualForm) {
  const RequestHead& head = parse("GET / HTTP/1.1\r\nHost:c\r\nA:   b  \r\nC: d\r\nE:\t\r\nF: g\r\n\r\n");
  EXPECT_EQ(write(passed_on(head)), "GET / HTTP/1.1\r\nHost: c\r\nA: b\r\nC: d\r\nE: \r\nF: g\r\n\r\n");
}

TEST_F(HeadWriter, HopByHopFieldsStay) {
  const RequestHead& head = parse(
      "POST / HTTP/1.1\r\nA: 1\r\nConnection: keep-alive, X-Hop\r\nHost: c\r\nKeep-Alive: 5\r\nB: 2\r\n"
      "X-Hop: z\r\nC: 3\r\nTE: trailers\r\nTrailer: T\r\nProxy-Connection: close\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nD: 4\r\n\r\n");
  EXPECT_EQ(write(passed_on(head)),
            "POST / HTTP/1.1\r\nA: 1\r\nHost: c\r\nB: 2\r\nC: 3\r\nD: 4\r\nContent-Length: 5\r\n\r\n");
}

TEST_F(HeadWriter, NominatingAnEndToEndFieldChangesNothing) {
  const RequestHead& head =
      parse("GET / HTTP/1.1\r\nHost: c\r\nConnection: Host, X-Real-IP\r\nX-Real-IP: 1.2.3.4\r\n\r\n");
  EXPECT_EQ(write(passed_on(head)), "GET / HTTP/1.1\r\nHost: c\r\nX-Real-IP: 1.2.3.4\r\n\r\n");
}

// The bytes of a removed line are still between its neighbours in memory: they must not be copied with them.
TEST_F(HeadWriter, ARemovedFieldDoesNotComeBack) {
  auto& head = const_cast<RequestHead&>(
      parse("GET / HTTP/1.1\r\nHost: c\r\nA: 1\r\nX-Secret: s\r\nB: 2\r\nCookie: t\r\nC: 3\r\nD: 4\r\n\r\n"));
  EXPECT_EQ(head.headers.remove("X-Secret"), 1u);
  EXPECT_EQ(head.headers.remove(KnownHeader::kCookie), 1u);
  ASSERT_TRUE(head.headers.set(arena_, "C", "5"));
  EXPECT_EQ(write(passed_on(head)), "GET / HTTP/1.1\r\nHost: c\r\nA: 1\r\nB: 2\r\nC: 5\r\nD: 4\r\n\r\n");
}

// What the gateway sets goes out, whatever the client's Connection says about the name.
TEST_F(HeadWriter, AFieldThatIsSetIsNotNominated) {
  auto& head = const_cast<RequestHead&>(
      parse("GET / HTTP/1.1\r\nHost: c\r\nConnection: X-User\r\nX-User: evil\r\n\r\n"));
  ASSERT_TRUE(head.headers.set(arena_, "X-User", "good"));
  EXPECT_EQ(write(passed_on(head)), "GET / HTTP/1.1\r\nHost: c\r\nX-User: good\r\n\r\n");
}

TEST_F(HeadWriter, FramingComesFromTheStructOnly) {
  HeaderMap map;
  ASSERT_TRUE(map.add(arena_, "content-length", "999"));
  ASSERT_TRUE(map.add(arena_, "Transfer-Encoding", "chunked"));
  ASSERT_TRUE(map.add(arena_, "Connection", "upgrade"));
  ASSERT_TRUE(map.add(arena_, "X", "y"));
  RequestWrite head{.method = "POST", .target = "/", .host = "h", .headers = &map};
  EXPECT_EQ(write(head), "POST / HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n");
  head.framing = Framing::kLength;
  EXPECT_EQ(write(head), "POST / HTTP/1.1\r\nHost: h\r\nX: y\r\nContent-Length: 0\r\n\r\n");
  head.content_length = 18446744073709551615u;
  EXPECT_EQ(write(head),
            "POST / HTTP/1.1\r\nHost: h\r\nX: y\r\nContent-Length: 18446744073709551615\r\n\r\n");
  head.framing = Framing::kChunked;
  EXPECT_EQ(write(head), "POST / HTTP/1.1\r\nHost: h\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST_F(HeadWriter, HostReplacesTheMaps) {
  const RequestHead& head = parse("GET / HTTP/1.1\r\nA: b\r\nHost: c\r\nD: e\r\n\r\n");
  RequestWrite out = passed_on(head);
  out.host = "upstream:80";
  EXPECT_EQ(write(out), "GET / HTTP/1.1\r\nHost: upstream:80\r\nA: b\r\nD: e\r\n\r\n");
}

TEST_F(HeadWriter, ConnectionOptions) {
  RequestWrite head{.method = "GET", .target = "/", .host = "h"};
  head.connection = ConnectionOption::kClose;
  EXPECT_EQ(write(head), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  head.connection = ConnectionOption::kUpgrade;
  head.upgrade_protocol = "websocket";
  EXPECT_EQ(write(head), "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  head.connection = ConnectionOption::kKeepAlive;
  head.protocol = Protocol::k10;
  EXPECT_EQ(write(head), "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
}

TEST_F(HeadWriter, NothingThatBreaksALineIsWritten) {
  const std::vector<std::string> bad{"/a b", "/\r\nX: y", "/\n", "/\t", "/\0"s, "/\x7f", "/#a", ""};
  for (const std::string& text : bad) {
    EXPECT_EQ(write(RequestWrite{.method = "GET", .target = text, .host = "h"}), "");
    if (text != "/#a") EXPECT_EQ(write(RequestWrite{.method = text, .target = "/", .host = "h"}), "");
  }
  EXPECT_EQ(write(RequestWrite{.method = "GET", .target = "/", .host = "h\r\nX: y"}), "");
  EXPECT_EQ(write(RequestWrite{.method = "GET", .target = "/", .host = "h", .upgrade_protocol = "a\nb"}), "");
  EXPECT_EQ(write(ResponseWrite{.status = 200, .reason = "a\r\nb"}), "");
  EXPECT_EQ(write(ResponseWrite{.status = 99}), "");
  EXPECT_EQ(write(ResponseWrite{.status = 1000}), "");
}

// Only the very bytes that were parsed are not looked at again.
TEST_F(HeadWriter, WhatTakesThePlaceOfReceivedTextIsChecked) {
  const RequestHead& received =
      parse("GET /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n");
  RequestWrite as_received = passed_on(received);
  as_received.host = received.authority;
  as_received.upgrade_protocol = received.upgrade_protocol;
  as_received.received = &received;
  EXPECT_NE(write(as_received), "");
  for (const std::string_view bad : {"/\r\nX: y", "/ HTTP/1.1\r\n\r\nGET /b", "\n", "\r"}) {
    for (std::string_view RequestWrite::* text : {&RequestWrite::method, &RequestWrite::target,
                                                  &RequestWrite::host, &RequestWrite::upgrade_protocol}) {
      RequestWrite head = as_received;
      head.*text = bad;
      EXPECT_FALSE(is_writable(head));
      EXPECT_EQ(write(head), "") << bad;
    }
  }
  // A part of it, or more than it: what stands behind it in memory is the rest of the request line.
  RequestWrite longer = as_received;
  longer.target = std::string_view(received.target.data(), received.target.size() + 10);
  EXPECT_EQ(write(longer), "");
  RequestWrite none = as_received;
  none.method = {};
  EXPECT_EQ(write(none), "");
}

TEST_F(HeadWriter, Responses) {
  HeaderMap map;
  ASSERT_TRUE(map.add(arena_, "Server", "APISIX/3.18.0"));
  ASSERT_TRUE(map.add(arena_, "Content-Length", "7"));
  ASSERT_TRUE(map.add(arena_, "Set-Cookie", "a"));
  ASSERT_TRUE(map.add(arena_, "Set-Cookie", "b"));
  const std::string fields = "Server: APISIX/3.18.0\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n";
  ResponseWrite head{.status = 200, .framing = Framing::kLength, .headers = &map, .content_length = 5};
  EXPECT_EQ(write(head), "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: 5\r\n\r\n");
  head.framing = Framing::kChunked;
  EXPECT_EQ(write(head), "HTTP/1.1 200 OK\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n");
  head.framing = Framing::kUntilClose;
  EXPECT_EQ(write(head), "HTTP/1.1 200 OK\r\n" + fields + "Connection: close\r\n\r\n");
  head.framing = Framing::kNone;
  EXPECT_EQ(write(head), "HTTP/1.1 200 OK\r\n" + fields + "\r\n");
  head.has_content_length = true;  // HEAD
  EXPECT_EQ(write(head), "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: 5\r\n\r\n");
  head.status = 304;
  EXPECT_EQ(write(head), "HTTP/1.1 304 Not Modified\r\n" + fields + "Content-Length: 5\r\n\r\n");
}

TEST_F(HeadWriter, ResponsesThatHaveNoBodyHaveNoFraming) {
  for (const Framing framing : {Framing::kNone, Framing::kLength, Framing::kChunked, Framing::kUntilClose}) {
    for (const bool has_length : {false, true}) {
      ResponseWrite head{
          .status = 204, .framing = framing, .has_content_length = has_length, .content_length = 5};
      EXPECT_EQ(write(head), "HTTP/1.1 204 No Content\r\n\r\n");
      head.status = 100;
      EXPECT_EQ(write(head), "HTTP/1.1 100 Continue\r\n\r\n");
    }
    EXPECT_EQ(write(ResponseWrite{.status = 304, .framing = framing}), "HTTP/1.1 304 Not Modified\r\n\r\n");
  }
}

TEST_F(HeadWriter, AnUpgradeIsPassedOn) {
  const auto upstream = parse_response_head(
      arena_.copy("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: y\r\n\r\n"),
      arena_, Method::kGet, ResponseLimits{});
  ASSERT_TRUE(upstream);
  const ResponseWrite head{.status = 101,
                           .framing = (*upstream)->framing,
                           .connection = ConnectionOption::kUpgrade,
                           .reason = (*upstream)->reason,
                           .headers = &(*upstream)->headers};
  EXPECT_EQ(write(head),
            "HTTP/1.1 101 Switching\r\nX: y\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST_F(HeadWriter, ReasonsAndStatuses) {
  EXPECT_EQ(write(ResponseWrite{.status = 404}), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(write(ResponseWrite{.status = 599}), "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(write(ResponseWrite{.status = 200, .reason = "Fine"}),
            "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
}

TEST(HopByHop, IsAPropertyOfTheField) {
  EXPECT_TRUE(is_hop_by_hop(HeaderField{"Connection", "x", KnownHeader::kConnection}));
  EXPECT_TRUE(is_hop_by_hop(HeaderField{"X", "y", KnownHeader::kUnknown, true}));
  EXPECT_FALSE(is_hop_by_hop(HeaderField{"X", "y", KnownHeader::kUnknown}));
  EXPECT_FALSE(is_hop_by_hop(HeaderField{"Host", "y", KnownHeader::kHost}));
}

TEST(ChunkLine, IsHexadecimal) {
  char out[kChunkLineBytesMax];
  EXPECT_EQ(std::string(out, write_chunk_line(1, out)), "1\r\n");
  EXPECT_EQ(std::string(out, write_chunk_line(65536, out)), "10000\r\n");
  EXPECT_EQ(std::string(out, write_chunk_line(18446744073709551615u, out)), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace apisix::http
