// The writer, which copies runs of lines and chunks of text, against one that adds one string to another:
// random heads, of fields that were received, set, made as lines, changed and removed.
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "shared/http/field_line.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/h1/request_parser.h"
#include "shared/http/own_lines.h"
#include "shared/http/status.h"

namespace apisix::http {
namespace {

std::string plain_fields(const HeaderMap& headers, bool without_host) {
  std::string out;
  for (const HeaderField& field : headers) {
    if (is_hop_by_hop(field) || (without_host && field.id == KnownHeader::kHost)) continue;
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  return out;
}

std::string plain_connection(ConnectionOption connection, std::string_view protocol) {
  switch (connection) {
    case ConnectionOption::kNone:
      return "";
    case ConnectionOption::kClose:
      return "Connection: close\r\n";
    case ConnectionOption::kKeepAlive:
      return "Connection: keep-alive\r\n";
    case ConnectionOption::kUpgrade:
      return "Connection: upgrade\r\nUpgrade: " + std::string(protocol) + "\r\n";
  }
  return "?";
}

std::string plain_framing(Framing framing, std::uint64_t length) {
  if (framing == Framing::kLength) return "Content-Length: " + std::to_string(length) + "\r\n";
  return framing == Framing::kChunked ? "Transfer-Encoding: chunked\r\n" : "";
}

std::string plain(const RequestWrite& head) {
  const std::string host = head.host.empty() ? "" : "Host: " + std::string(head.host) + "\r\n";
  return std::string(head.method) + " " + std::string(head.target) + " HTTP/1.1\r\n" + host +
         plain_fields(*head.headers, !head.host.empty()) + plain_framing(head.framing, head.content_length) +
         plain_connection(head.connection, head.upgrade_protocol) + "\r\n";
}

std::string plain(const ResponseWrite& head) {
  const std::string_view reason = head.reason.empty() ? reason_phrase(head.status) : head.reason;
  const bool until_close = head.framing == Framing::kUntilClose;
  return "HTTP/1.1 " + std::to_string(head.status) + " " + std::string(reason) + "\r\n" +
         plain_fields(*head.headers, false) + plain_framing(head.framing, head.content_length) +
         plain_connection(until_close ? ConnectionOption::kClose : head.connection, head.upgrade_protocol) +
         "\r\n";
}

class HeadWriterPlainTest : public ::testing::Test {
 protected:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  template <typename Choices>
  auto one_of(const Choices& choices) {
    return choices[below(std::size(choices))];
  }
  std::string text(std::size_t bytes_max) {
    std::string out(below(bytes_max + 1), ' ');
    for (char& c : out) c = static_cast<char>('!' + below(90));
    return out;
  }

  // Known and unknown names, hop-by-hop ones too; some lines are not in the usual form.
  RequestHead& receive() {
    std::string head =
        "GET /" + std::string(below(40), 'p') + " HTTP/1.1\r\nHost: " + std::string(1 + below(40), 'h');
    head += one_of(std::vector<std::string>{"\r\n", "\r\nConnection: X-2\r\n", "\r\nConnection: close\r\n",
                                            "\r\nConnection: upgrade\r\nUpgrade: one\r\n"});
    for (std::size_t i = below(12); i > 0; --i) {
      head +=
          one_of(kNames) + one_of(std::vector<std::string>{": ", ": ", ": ", ":", ":  "}) + text(90) + "\r\n";
    }
    const auto parsed = parse_request_head(arena_.copy(head + "\r\n"), arena_, RequestLimits{});
    EXPECT_TRUE(parsed) << head;
    return **parsed;
  }

  void change(HeaderMap& map) {
    switch (below(6)) {
      case 0:
        map.set_valid(arena_, server_.field());
        return;
      case 1:
        EXPECT_TRUE(map.set(arena_, arena_.copy(one_of(kNames)), arena_.copy(text(80))));
        return;
      case 2:
        map.remove(std::string_view(one_of(kNames)));
        return;
      case 3:
        EXPECT_TRUE(map.add(arena_, arena_.copy(one_of(kNames)), arena_.copy(text(80))));
        return;
      case 4: {
        const std::string value = text(70);
        if (map.has(KnownHeader::kXForwardedFor) || map.has(KnownHeader::kXRealIp)) return;
        OwnLines lines(arena_, map, 2, 2 * value.size());
        lines.add(KnownHeader::kXForwardedFor, value);
        lines.add(KnownHeader::kXRealIp, value);
        return;
      }
      default:
        map.set_valid(arena_, KnownHeader::kXForwardedHost, arena_.copy(text(30)));
    }
  }

  template <typename Head, typename Write>
  void expect_plain(const Head& head, Write write) {
    base::Arena arena;
    arena.text(1 + below(base::Arena::kBlockBytes - 64));  // the room of a block ends anywhere
    ASSERT_EQ(std::string(write(head, arena)), plain(head));
    std::string exact(plain(head).size(), '#');
    ASSERT_EQ(write(head, std::span<char>(exact)), exact.size());
    ASSERT_EQ(exact, plain(head));
  }

  static constexpr int kHeads = 3000;
  const std::vector<std::string> kNames{
      "Accept",     "Cookie",      "X-1",         "X-2",       "User-Agent",
      "Keep-Alive", "Server",      "Date",        "X-Real-IP", "X-A-Name-That-Is-Long",
      "Te",         "X-Accel-Yes", "Content-Type"};
  std::mt19937 random_{20261130};
  base::Arena arena_;
  const FieldLine server_{KnownHeader::kServer, "APISIX/3.18.0"};
};

TEST_F(HeadWriterPlainTest, RequestsAreTheSame) {
  int as_received = 0;
  for (int i = 0; i < kHeads; ++i) {
    RequestHead& received = receive();
    for (std::size_t changes = below(5); changes > 0; --changes) change(received.headers);
    const RequestWrite head{
        .method = received.method_text,
        .target = received.target,
        .host = below(2) == 0 ? received.authority : std::string_view{},
        .headers = &received.headers,
        .received = below(2) == 0 ? &received : nullptr,
        .upgrade_protocol = below(2) == 0 ? received.upgrade_protocol : "websocket",
        .content_length = random_() >> below(32),
        .framing = one_of(std::vector{Framing::kNone, Framing::kLength, Framing::kChunked}),
        .connection = static_cast<ConnectionOption>(below(4))};
    as_received += is_as_received(head) ? 1 : 0;
    expect_plain(head, [](const auto& h, auto&& out) { return write_request_head(h, out); });
  }
  EXPECT_GT(as_received, kHeads / 10);
  EXPECT_LT(as_received, kHeads / 5);
}

TEST_F(HeadWriterPlainTest, ResponsesAreTheSame) {
  for (int i = 0; i < kHeads; ++i) {
    HeaderMap map;
    map.append_if(arena_, receive().headers, [this](const HeaderField&) { return below(8) != 0; });
    for (std::size_t changes = below(5); changes > 0; --changes) change(map);
    const ResponseWrite head{
        .status = one_of(std::vector<std::uint16_t>{200, 200, 200, 201, 404, 502, 999}),
        .framing =
            one_of(std::vector{Framing::kNone, Framing::kLength, Framing::kChunked, Framing::kUntilClose}),
        .connection = static_cast<ConnectionOption>(below(4)),
        .reason = one_of(std::vector<std::string_view>{"", "OK", "Ok", "A reason that is longer than most"}),
        .headers = &map,
        .upgrade_protocol = "websocket",
        .content_length = random_() >> below(32)};
    expect_plain(head, [](const auto& h, auto&& out) { return write_response_head(h, out); });
  }
}

}  // namespace
}  // namespace apisix::http
