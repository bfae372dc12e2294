#include "shared/http/h1/head_lines.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "shared/http/h1/head_scanner.h"

namespace apisix::http {
namespace {

using namespace std::string_literals;

struct Found {
  bool found = false;
  std::uint32_t head_bytes = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> lines = {};  // end, colon
  bool operator==(const Found&) const = default;
};

// Byte by byte, as the rules say it.
Found plain(std::string_view bytes) {
  Found out;
  std::uint32_t start = 0;
  std::uint32_t colon = 0;
  bool has_colon = false;
  for (std::uint32_t i = 0; i < bytes.size(); ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c == ':' && !has_colon) {
      has_colon = true;
      colon = i;
    }
    if ((c >= 0x20 && c != 0x7f) || c == '\t') continue;
    if (c != '\r' || i + 1 == bytes.size() || bytes[i + 1] != '\n') return {};
    if (i == start) {
      if (out.lines.empty()) return {};
      out.found = true;
      out.head_bytes = i + 2;
      return out;
    }
    if (out.lines.size() == HeadLines::kLinesMax) return {};
    out.lines.emplace_back(i, has_colon ? colon : i);
    has_colon = false;
    start = i + 2;
    ++i;
  }
  return {};
}

// Exactly sized, so that the sanitizer sees a read behind the end.
Found find(HeadLines::Width width, std::string_view bytes) {
  const auto copy = std::make_unique<char[]>(bytes.size());
  bytes.copy(copy.get(), bytes.size());
  HeadLines lines;
  Found out;
  out.found = lines.find_with(width, {copy.get(), bytes.size()});
  EXPECT_EQ(out.found, !lines.empty());
  if (!out.found) return out;
  out.head_bytes = lines.head_bytes();
  for (std::uint32_t i = 0; i < lines.size(); ++i) {
    out.lines.emplace_back(lines[i].end, std::min(lines[i].colon, lines[i].end));
  }
  return out;
}

class HeadLinesOfWidth : public ::testing::TestWithParam<HeadLines::Width> {
 protected:
  void SetUp() override {
    if (!HeadLines::is_supported(GetParam())) GTEST_SKIP() << "this processor has no such vectors";
  }
  void expect_plain(std::string_view bytes) {
    EXPECT_EQ(find(GetParam(), bytes), plain(bytes)) << ::testing::PrintToString(bytes);
  }
};
INSTANTIATE_TEST_SUITE_P(Widths, HeadLinesOfWidth,
                         ::testing::Values(HeadLines::Width::kBest, HeadLines::Width::k16,
                                           HeadLines::Width::k32));

TEST_P(HeadLinesOfWidth, FindTheLinesAndTheirColons) {
  const Found found = find(GetParam(), "GET / HTTP/1.1\r\nHost: a:1\r\nnone\r\n\r\nnext: 1\r\n");
  EXPECT_EQ(found, (Found{true, 35, {{14, 14}, {25, 20}, {31, 31}}}));
}

TEST_P(HeadLinesOfWidth, NeedAWholeHeadWithoutAnEmptyLineInFront) {
  for (const auto& bytes : {""s, "\r\n"s, "\r\n\r\n"s, "\r\nGET / HTTP/1.1\r\n\r\n"s, "GET / HTTP/1.1\r\n"s,
                            "GET / HTTP/1.1\r\n\r"s, "GET / HTTP/1.1\n\n"s, "A\r\nB\r\r\n\r\n"s,
                            "A\r\nB\0\r\n\r\n"s, "A\r\nB\x7f\r\n\r\n"s}) {
    EXPECT_EQ(find(GetParam(), bytes), Found{}) << ::testing::PrintToString(bytes);
    expect_plain(bytes);
  }
}

// Every byte of the two blocks is once the CR of a line, its LF, a colon, and the end.
TEST_P(HeadLinesOfWidth, LineEndsAndColonsAreFoundAtEveryPlaceOfABlock) {
  for (std::size_t length = 1; length < 140; ++length) {
    const std::string first(length, 'a');
    expect_plain(first + "\r\n\r\n");
    expect_plain(first + ":\r\nB: c\r\n\r\nbody\r\n");
    expect_plain("A: b\r\n" + first + ": c\r\n\r\n");
    expect_plain("A: " + first + "\r\n\r\n");
    expect_plain(first + "\r\n" + first + "\x80\t\r\n" + first + ":\r\n\r\n");
    expect_plain(first + "\r\n\n");
    expect_plain(first + "\n\r\n\r\n");
    expect_plain("A: b\r\n" + first + "\r\n\n\r\n");
    expect_plain("A:\t" + first + "\t\t:\r\n\t" + first + "\r\n\r\n");
    expect_plain(first + "\r\nB\x01: c\r\n\r\n");
  }
}

TEST_P(HeadLinesOfWidth, MoreLinesThanTheIndexHoldsAreNotFound) {
  std::string head;
  for (std::uint32_t i = 0; i < HeadLines::kLinesMax; ++i) head += "a: b\r\n";
  EXPECT_EQ(find(GetParam(), head + "\r\n").lines.size(), HeadLines::kLinesMax);
  EXPECT_EQ(find(GetParam(), head + "a: b\r\n\r\n"), Found{});
}

TEST_P(HeadLinesOfWidth, RandomBytesGiveWhatAPlainLoopGives) {
  std::mt19937 random(20);  // NOLINT: the same bytes in every run
  const std::string_view parts[] = {"a",        ":",
                                    " ",        "\r\n",
                                    "\r\n",     "\r",
                                    "\n",       "\t",
                                    "\x80\xff", "bcdefghijklmnop",
                                    "\r\n\r\n", std::string_view("\0", 1),
                                    "\x7f"};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    // The first five parts are good ones, so that heads of some length come to be.
    const std::size_t kinds = round % 4 == 0 ? std::size(parts) : 5;
    const std::size_t count = random() % 60;
    for (std::size_t i = 0; i < count; ++i) bytes += parts[random() % kinds];
    expect_plain(bytes + "x\r\n\r\n");
  }
}

TEST(HeadLines, TheScannerLeavesNoneOfAHeadThatCameInPieces) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  HeadLines lines;
  HeadScanner whole;
  EXPECT_EQ(whole.scan(head, lines), HeadScanner::Result::kFound);
  EXPECT_EQ(lines.size(), 2u);
  EXPECT_EQ(whole.head_bytes(), head.size());
  HeadScanner scanner;
  EXPECT_EQ(scanner.scan(std::string_view(head).substr(0, 20), lines), HeadScanner::Result::kNeedMore);
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(scanner.scan(head, lines), HeadScanner::Result::kFound);
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(scanner.head_bytes(), head.size());
}

}  // namespace
}  // namespace apisix::http
