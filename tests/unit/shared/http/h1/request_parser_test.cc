// What is accepted and how it is read; what is refused is in request_smuggling_test.cc.
#include "shared/http/h1/request_parser.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/base/text.h"
#include "shared/http/h1/field_lines.h"
#include "tests/unit/shared/http/h1/every_way.h"

namespace apisix::http {
namespace {

using namespace std::string_literals;

class RequestParser : public ::testing::Test {
 protected:
  // Fails the test, and returns an empty head, when the bytes are refused.
  const RequestHead& parse(const std::string& bytes) {
    const auto parsed = parse_request_every_way(arena_.copy(bytes), arena_, limits_);
    if (parsed) return **parsed;
    ADD_FAILURE() << bytes << ": " << parsed.error().what;
    return *arena_.make<RequestHead>();
  }
  const RequestHead& parse_fields(const std::string& fields) {
    return parse("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  }
  int status(const std::string& bytes) {
    const auto parsed = parse_request_every_way(arena_.copy(bytes), arena_, limits_);
    return parsed ? 0 : parsed.error().status;
  }

  base::Arena arena_;
  RequestLimits limits_;
};

TEST_F(RequestParser, TheParts) {
  const RequestHead& head =
      parse("GET /a/b?c=d&e HTTP/1.1\r\nHost: example.com:9080\r\nX-A:  b c \t\r\nX-E:\r\n\r\n");
  EXPECT_EQ(head.method, Method::kGet);
  EXPECT_EQ(head.method_text, "GET");
  EXPECT_EQ(head.request_line, "GET /a/b?c=d&e HTTP/1.1");
  EXPECT_EQ(head.target, "/a/b?c=d&e");
  EXPECT_EQ(head.form, TargetForm::kOrigin);
  EXPECT_EQ(head.path, "/a/b");
  EXPECT_TRUE(head.has_query);
  EXPECT_EQ(head.query, "c=d&e");
  EXPECT_EQ(head.authority, "example.com:9080");
  EXPECT_EQ(head.protocol, Protocol::k11);
  EXPECT_EQ(head.framing, Framing::kNone);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.expect_continue);
  EXPECT_FALSE(head.upgrade);
  ASSERT_EQ(head.headers.size(), 3u);
  EXPECT_EQ(head.headers.find(KnownHeader::kHost)->name, "Host");
  EXPECT_EQ(head.headers.find("x-a")->value, "b c");
  EXPECT_EQ(head.headers.find("x-e")->value, "");
}

// Normalising leaves them as they are, which is known without another look at them.
TEST_F(RequestParser, PlainPathsAreKnown) {
  const auto is_plain = [this](const std::string& target) {
    return parse("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n").path_is_plain;
  };
  for (const char* path :
       {"/", "/a", "/a/", "/a/b.c", "/a.", "/a../b", "/0123456789abcd/f", "/0123456789abcde/g"}) {
    EXPECT_TRUE(is_plain(path)) << path;
    EXPECT_TRUE(is_plain(path + "?/../%"s)) << path;
  }
  for (const char* path : {"//", "/.", "/a/.b", "/%61", "/0123456789abcd//", "/0123456789abcd/.",
                           "/0123456789abcde/.", "/0123456789abcdef/."}) {
    EXPECT_FALSE(is_plain(path)) << path;
  }
  EXPECT_FALSE(parse("GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n").path_is_plain);
  EXPECT_FALSE(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").path_is_plain);
}

TEST_F(RequestParser, HostsThatNeedNoChangeAreKnown) {
  const auto host = [this](const std::string& line) { return parse(line + "\r\n\r\n").host; };
  EXPECT_EQ(host("GET / HTTP/1.1\r\nHost: a.test"), "a.test");
  EXPECT_EQ(host("GET / HTTP/1.1\r\nHost: 127.0.0.1:9080"), "127.0.0.1");
  for (const char* other : {"A.test", "a.test.", "a.test.:80", "[::1]:80", "a_b"})
    EXPECT_EQ(host("GET / HTTP/1.1\r\nHost: "s + other), "") << other;
  EXPECT_EQ(host("GET http://a.test/ HTTP/1.1\r\nHost: b.test"), "");
}

// With and without an index of the lines: in names of every length, first and last line.
TEST_F(RequestParser, EveryByteOfANameIsReadTheSameEveryWay) {
  for (const std::size_t size : {1, 8, 16, 19}) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        if (c == ':') continue;  // ends a name
        std::string name(size, 'x');
        name[at] = static_cast<char>(c);
        base::Arena arena;
        const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n" + name + ": b\r\n" + name + ": c\r\n\r\n";
        const auto parsed = parse_request_every_way(arena.copy(head), arena, limits_);
        const bool is_letter = base::is_digit(name[at]) || c == '-' || c == '_' ||
                               (base::to_lower(name[at]) >= 'a' && base::to_lower(name[at]) <= 'z');
        if (parsed) EXPECT_EQ((*parsed)->headers.size(), is_letter ? 3u : 1u) << head;
        EXPECT_TRUE(parsed || c <= ' ' || c == 0x7f) << head;
      }
    }
  }
}

TEST_F(RequestParser, TheQuery) {
  EXPECT_FALSE(parse("GET /a HTTP/1.1\r\nHost: a\r\n\r\n").has_query);
  const RequestHead& empty = parse("GET /a? HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(empty.has_query);
  EXPECT_EQ(empty.query, "");
  EXPECT_EQ(empty.path, "/a");
  EXPECT_EQ(parse("GET /a?b?c/d HTTP/1.1\r\nHost: a\r\n\r\n").query, "b?c/d");
}

TEST_F(RequestParser, RawBytesThatNginxTakesToo) {
  EXPECT_EQ(parse("GET /\xc3\xa4\"<>\\^`{|}?\xff HTTP/1.1\r\nHost: a\r\n\r\n").path, "/\xc3\xa4\"<>\\^`{|}");
  EXPECT_EQ(parse_fields("X: \xc3\xa4\t\xff\r\n").headers.find("x")->value, "\xc3\xa4\t\xff");
}

TEST_F(RequestParser, Methods) {
  EXPECT_EQ(parse("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n").method, Method::kPropfind);
  const RequestHead& other = parse("VERSION-CONTROL / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(other.method, Method::kOther);
  EXPECT_EQ(other.method_text, "VERSION-CONTROL");
  EXPECT_EQ(parse("A / HTTP/1.0\r\n\r\n").method_text, "A");
}

TEST_F(RequestParser, EmptyLinesInFrontAreSkipped) {
  EXPECT_EQ(parse("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").request_line, "GET / HTTP/1.1");
}

TEST_F(RequestParser, AbsoluteForm) {
  const RequestHead& head = parse("GET http://b:8080/c?d HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head.form, TargetForm::kAbsolute);
  EXPECT_EQ(head.authority, "b:8080");
  EXPECT_EQ(head.path, "/c");
  EXPECT_EQ(head.query, "d");
  EXPECT_EQ(head.target, "http://b:8080/c?d");
  // RFC 9112 3.2.2: what Host said is replaced.
  EXPECT_EQ(head.headers.value(KnownHeader::kHost), "b:8080");
  EXPECT_EQ(head.headers.size(), 1u);

  EXPECT_EQ(parse("GET HTTPS://b HTTP/1.1\r\nHost: b\r\n\r\n").path, "/");
  const RequestHead& query = parse("GET http://b?c=/d HTTP/1.1\r\nHost: b\r\n\r\n");
  EXPECT_EQ(query.path, "/");
  EXPECT_EQ(query.query, "c=/d");
  EXPECT_EQ(query.authority, "b");
  EXPECT_EQ(parse("GET http://b/ HTTP/1.0\r\n\r\n").authority, "b");
}

TEST_F(RequestParser, OtherForms) {
  const RequestHead& asterisk = parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(asterisk.form, TargetForm::kAsterisk);
  EXPECT_EQ(asterisk.path, "*");
  EXPECT_EQ(asterisk.authority, "a");
  const RequestHead& connect = parse("CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(connect.form, TargetForm::kAuthority);
  EXPECT_EQ(connect.authority, "b:443");
  EXPECT_EQ(connect.path, "");
  EXPECT_EQ(parse("CONNECT [::1]:443 HTTP/1.1\r\nHost: a\r\n\r\n").authority, "[::1]:443");
}

TEST_F(RequestParser, Http10) {
  const RequestHead& head = parse("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(head.protocol, Protocol::k10);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_EQ(head.authority, "");
  EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").keep_alive);
  const RequestHead& post = parse(
      "POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: upgrade\r\n"
      "Upgrade: websocket\r\n\r\n");
  EXPECT_EQ(post.framing, Framing::kLength);
  EXPECT_FALSE(post.expect_continue);
  EXPECT_FALSE(post.upgrade);
}

// The response to a request that is refused is of the version that the request named.
TEST_F(RequestParser, TheVersionIsKnownThoughBytesAreBehindIt) {
  const auto protocol = [this](const std::string& version) {
    const std::string head = "GET / " + version + "\r\nHost: a\r\n\r\n";
    const auto parsed = parse_request_every_way(arena_.copy(head), arena_, limits_);
    EXPECT_FALSE(parsed) << version;
    return parsed.error().request->protocol;
  };
  EXPECT_EQ(protocol("HTTP/1.0x"), Protocol::k10);
  EXPECT_EQ(protocol("HTTP/1.0 "), Protocol::k10);
  EXPECT_EQ(protocol("HTTP/1.1x"), Protocol::k11);
  EXPECT_EQ(protocol("HTTP/1.2"), Protocol::k11);
}

TEST_F(RequestParser, Hosts) {
  for (const char* host : {"a", "a.b", "A-b_c.d~", "127.0.0.1", "127.0.0.1:9080", "[::1]",
                           "[::ffff:1.2.3.4]:80", "a:", "a:0", "a:65535", "a%20b", "!$&'()*+,;="}) {
    EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: "s + host + "\r\n\r\n").authority, host);
  }
}

// RFC 1034 3.1: the dot stands for the root, and is the same host. As nginx's $host.
TEST_F(RequestParser, OneDotAtTheEndIsNoPartOfTheHost) {
  struct Case {
    std::string_view sent, authority;
  };
  for (const Case& each : {Case{"a.", "a"},
                           {"Secret.com.", "Secret.com"},
                           {"secret.com.:9080", "secret.com:9080"},
                           {"127.0.0.1.", "127.0.0.1"},
                           {"a.:", "a:"}}) {
    const RequestHead& head = parse("GET / HTTP/1.1\r\nHost: " + std::string(each.sent) + "\r\n\r\n");
    EXPECT_EQ(head.authority, each.authority);
    EXPECT_EQ(head.headers.value(KnownHeader::kHost), each.sent);  // $http_host
    const RequestHead& absolute =
        parse("GET http://" + std::string(each.sent) + "/ HTTP/1.1\r\nHost: b\r\n\r\n");
    EXPECT_EQ(absolute.authority, each.authority);
  }
  for (const char* host : {".", "a..", "a..:80", ".:80", "..", "a..b", "[::1]."}) {
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: "s + host + "\r\n\r\n"), 400) << host;
    EXPECT_EQ(status("GET http://"s + host + "/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400) << host;
  }
}

TEST_F(RequestParser, ConnectionDecidesAboutTheNextRequest) {
  EXPECT_TRUE(parse_fields("Connection: keep-alive\r\n").keep_alive);
  EXPECT_FALSE(parse_fields("Connection: close\r\n").keep_alive);
  EXPECT_FALSE(parse_fields("Connection: CLOSE\r\n").keep_alive);
  EXPECT_FALSE(parse_fields("Connection: keep-alive ,\tclose\r\n").keep_alive);
  EXPECT_FALSE(parse_fields("Connection: x\r\nConnection: close\r\n").keep_alive);
  EXPECT_TRUE(parse_fields("Connection: closed\r\n").keep_alive);
  EXPECT_TRUE(parse_fields("Connection:\r\n").keep_alive);
  EXPECT_TRUE(parse_fields("Proxy-Connection: close\r\n").keep_alive);
}

TEST_F(RequestParser, Upgrade) {
  const RequestHead& head = parse_fields("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n");
  EXPECT_TRUE(head.upgrade);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.upgrade_protocol, "websocket");
  EXPECT_FALSE(parse_fields("Upgrade: websocket\r\n").upgrade);
  EXPECT_FALSE(parse_fields("Connection: upgrade\r\n").upgrade);
  EXPECT_FALSE(parse_fields("Connection: upgrade\r\nUpgrade:\r\n").upgrade);
}

TEST_F(RequestParser, H2cIsNeverPassedOn) {
  EXPECT_FALSE(
      parse_fields("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n")
          .upgrade);
  EXPECT_FALSE(parse_fields("Connection: Upgrade\r\nUpgrade: H2C\r\nUpgrade: , h2c\r\n").upgrade);
  EXPECT_EQ(parse_fields("Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n").upgrade_protocol, "websocket");
}

TEST_F(RequestParser, ExpectContinue) {
  EXPECT_TRUE(parse_fields("Content-Length: 1\r\nExpect: 100-Continue\r\n").expect_continue);
  EXPECT_TRUE(parse_fields("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n").expect_continue);
  // There is nothing to wait for without a body.
  EXPECT_FALSE(parse_fields("Content-Length: 0\r\nExpect: 100-continue\r\n").expect_continue);
  EXPECT_FALSE(parse_fields("Expect: 100-continue\r\n").expect_continue);
}

TEST_F(RequestParser, NominatedFieldsAreMarked) {
  const RequestHead& head = parse_fields(
      "X-Hop: 1\r\nX-Stay: 2\r\nConnection: x-HOP, close, X-Other\r\nx-hop: 3\r\nX-Other: 4\r\n");
  ASSERT_EQ(head.headers.size(), 6u);  // Host with them
  for (const HeaderField& field : head.headers) {
    EXPECT_EQ(field.nominated, field.value == "1" || field.value == "3" || field.value == "4") << field.name;
  }
}

TEST_F(RequestParser, EndToEndFieldsCannotBeNominated) {
  const RequestHead& head = parse_fields(
      "Connection: Host, X-Real-IP, X-Forwarded-For, Authorization, Cookie, Content-Length, Content-Type\r\n"
      "X-Real-IP: 1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\nAuthorization: b\r\nCookie: c=d\r\nContent-Length: "
      "0\r\n"
      "Content-Type: e\r\n");
  ASSERT_EQ(head.headers.size(), 8u);
  for (const HeaderField& field : head.headers) EXPECT_FALSE(field.nominated) << field.name;
}

TEST_F(RequestParser, NominationsAreBounded) {
  std::string options = "Connection: a";
  for (int i = 0; i < 31; ++i) options += ",a";
  parse_fields(options + "\r\n");
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n" + options + ",a\r\n\r\n"), 400);
}

TEST_F(RequestParser, OnlyLinesAsTheWriterWritesThemAreIntact) {
  const RequestHead& head = parse_fields("A: b\r\nC:d\r\nE:  f\r\nG: h \r\nI:\tj\r\nK:\r\nL: \r\n");
  ASSERT_EQ(head.headers.size(), 8u);
  for (const HeaderField& field : head.headers) {
    EXPECT_EQ(field.intact, field.name == "Host" || field.name == "A" || field.name == "L") << field.name;
  }
}

TEST_F(RequestParser, Limits) {
  limits_.header_count_max = 3;
  limits_.header_line_bytes_max = 20;
  limits_.request_line_bytes_max = 20;
  limits_.head_bytes_max = 110;
  const std::string host = "Host: a\r\n";
  EXPECT_EQ(status("GET /67890 HTTP/1.1\r\n" + host + "\r\n"), 0);
  EXPECT_EQ(status("GET /678901 HTTP/1.1\r\n" + host + "\r\n"), 0);
  EXPECT_EQ(status("GET /6789012 HTTP/1.1\r\n" + host + "\r\n"), 414);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n" + host + "A: " + std::string(17, 'b') + "\r\n\r\n"), 0);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n" + host + "A: " + std::string(18, 'b') + "\r\n\r\n"), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n" + host + "A: b\r\nC: d\r\n\r\n"), 0);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n" + host + "A: b\r\nC: d\r\nE: f\r\n\r\n"), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n" + host + "A: b\r\nC: d\r\n\r\n" + std::string(100, 'x')), 431);
}

TEST_F(RequestParser, UnderscoresInNames) {
  EXPECT_EQ(parse_fields("X_A: b\r\n").headers.find("x_a")->value, "b");
  limits_.underscores_in_headers = false;
  const RequestHead& head = parse_fields("X_A: b\r\nX-C: d\r\n");
  EXPECT_EQ(head.headers.find("x_a"), nullptr);
  EXPECT_EQ(head.headers.find("x-c")->value, "d");
}

std::string ignored(const RequestHead& head) {
  std::string out;
  for (const IgnoredLine* line = head.ignored_lines; line != nullptr; line = line->next) {
    out.append(line->text).append("|");
  }
  return out;
}

TEST_F(RequestParser, NamesThatNginxCallsInvalidAreLeftOut) {
  for (const char* name : {"X[1]", "\"X\"", "X@",  "X(a)",  "X/",       "X\\", "X=", "X?", "{X}",
                           "X,Y",  "X;",    "<X>", "X\x80", "\xc3\xa4", "X.Y", "X!", "X#", "X$",
                           "X%20", "X&",    "X'",  "X*",    "X+",       "X^",  "X`", "X|", "~"}) {
    const RequestHead& head = parse_fields("X-A: 1\r\n"s + name + ": secret \r\nX-B: 2\r\n");
    EXPECT_EQ(head.headers.size(), 3u) << name;
    EXPECT_EQ(head.headers.find("x-a")->value, "1") << name;
    EXPECT_EQ(head.headers.find("x-b")->value, "2") << name;
    EXPECT_EQ(ignored(head), name + ": secret |"s);
  }
  EXPECT_EQ(ignored(parse_fields("a[: 1\r\nB: 2\r\nc]:3\r\n")), "a[: 1|c]:3|");
  EXPECT_EQ(ignored(parse_fields("X-A: 1\r\nX_A: 2\r\n")), "");
}

TEST_F(RequestParser, WhiteSpaceAndControlCharactersInANameAreRefused) {
  for (const std::string& name : std::initializer_list<std::string>{
           "X Y", "X\tY", " X", "X ", "X\t", "X\x7f", "X\x01", "X\0"s, "[ ]", "", "X\r", "X\n"}) {
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n" + name + ": 1\r\n\r\n"), 400) << name;
  }
}

TEST_F(RequestParser, TokensAreKeptWhenInvalidHeadersAreNotIgnored) {
  limits_.ignore_invalid_headers = false;
  const RequestHead& head = parse_fields("X.Y: 1\r\nX!: 2\r\nX[1]: 3\r\n");
  EXPECT_EQ(head.headers.value(KnownHeader::kHost), "a");
  ASSERT_NE(head.headers.find("x.y"), nullptr);
  EXPECT_EQ(head.headers.find("x.y")->value, "1");
  EXPECT_EQ(head.headers.size(), 3u);
  EXPECT_EQ(ignored(head), "X[1]: 3|");
}

// A server that makes variables of names (CGI) would find another end of the body, or another connection.
TEST_F(RequestParser, NamesThatReadAsFramingElsewhereAreLeftOut) {
  for (const bool strict : {true, false}) {
    limits_.ignore_invalid_headers = strict;
    for (const char* name :
         {"Content_Length", "content_length", "Transfer_Encoding", "TRANSFER_ENCODING", "Keep_Alive",
          "Proxy_Connection", "HTTP2_Settings", "Content.Length", "Transfer~Encoding"}) {
      const RequestHead& head = parse_fields(name + ": 5\r\nX-B: 2\r\n"s);
      EXPECT_EQ(head.framing, Framing::kNone) << name;
      EXPECT_EQ(head.headers.size(), 2u) << name;
      EXPECT_EQ(ignored(head), name + ": 5|"s);
    }
  }
  EXPECT_EQ(parse_fields("Content_Type: a\r\nX_Content_Length: 1\r\nContent__Length: 1\r\n").headers.size(),
            4u);
}

TEST_F(RequestParser, LinesThatAreLeftOutCountForTheLimits) {
  limits_.header_count_max = 3;
  limits_.header_line_bytes_max = 20;
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nA[: b\r\nC[: d\r\n\r\n"), 0);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nA[: b\r\nC[: d\r\nE[: f\r\n\r\n"), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nA[: " + std::string(17, 'b') + "\r\n\r\n"), 431);
}

TEST_F(RequestParser, WhatWasReadOfARefusedHeadIsThereForLogs) {
  const auto read = [&](const std::string& bytes) -> const RequestHead& {
    const auto parsed = parse_request_every_way(arena_.copy(bytes), arena_, limits_);
    EXPECT_FALSE(parsed) << bytes;
    return *parsed.error().request;
  };
  EXPECT_EQ(read("GET /a?b HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").request_line, "GET /a?b HTTP/1.1");
  EXPECT_EQ(read("GET /a?b HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n").path, "/a");
  EXPECT_EQ(read("GET /a HTTP/3.0\r\nHost: a\r\n\r\n").request_line, "GET /a HTTP/3.0");
  EXPECT_EQ(read("\r\n\r\nget /a HTTP/1.1\r\nHost: a\r\n\r\n").request_line, "get /a HTTP/1.1");
  EXPECT_EQ(read("GET  /a HTTP/1.1\r\nHost: a\r\n\r\n").request_line, "GET  /a HTTP/1.1");
  EXPECT_EQ(read("GET /\r\n\r\n").request_line, "GET /");
  EXPECT_EQ(read("").request_line, "");
  limits_.request_line_bytes_max = 20;
  EXPECT_EQ(read("GET /6789012 HTTP/1.1\r\nHost: a\r\n\r\n").request_line, "GET /6789012 HTTP/1.1");
  limits_.head_bytes_max = 30;
  EXPECT_EQ(read("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n").request_line, "GET / HTTP/1.1");
}

TEST_F(RequestParser, TheHeadMustBeWholeAndNothingMore) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  for (std::size_t size = 0; size < head.size(); ++size) EXPECT_EQ(status(head.substr(0, size)), 400) << size;
  EXPECT_EQ(status(head), 0);
  EXPECT_EQ(status(head + "x"), 400);
  EXPECT_EQ(status(head + "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

// The lengths around the 16 bytes that are scanned at once.
TEST_F(RequestParser, LinesOfEveryLength) {
  for (std::size_t name = 1; name < 40; ++name) {
    for (std::size_t value = 0; value < 40; ++value) {
      const std::string n(name, 'n');
      const std::string v(value, 'v');
      const RequestHead& head = parse("GET / HTTP/1.1\r\n" + n + ": " + v + "\r\nHost: a\r\n\r\n");
      ASSERT_EQ(head.headers.size(), 2u);
      EXPECT_EQ(head.headers.begin()->name, n);
      EXPECT_EQ(head.headers.begin()->value, v);
      arena_.clear();
    }
  }
}

TEST(ContentLength, IsOneDecimalNumber) {
  std::uint64_t number = 77;
  for (const char* bad : {"", " ", " 5 ", "5 ", " 5", "+5", "-5", "5,5", "0x5", "5a", "9223372036854775808",
                          "18446744073709551616", "99999999999999999999"}) {
    EXPECT_FALSE(parse_content_length(bad, number)) << bad;
    EXPECT_EQ(number, 77u);
  }
  EXPECT_TRUE(parse_content_length("0", number));
  EXPECT_EQ(number, 0u);
  EXPECT_TRUE(parse_content_length("9223372036854775807", number));
  EXPECT_EQ(number, 9223372036854775807u);
}

TEST(ListElements, EmptyOnesAreSkipped) {
  std::string_view list = " ,a , b\t,,c,";
  EXPECT_EQ(next_list_element(list), "a");
  EXPECT_EQ(next_list_element(list), "b");
  EXPECT_EQ(next_list_element(list), "c");
  EXPECT_EQ(next_list_element(list), "");
}

}  // namespace
}  // namespace apisix::http
