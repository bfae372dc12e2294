#include "shared/http/h1/head_scanner.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

using namespace std::string_literals;
using Result = HeadScanner::Result;

struct Outcome {
  Result result = Result::kNeedMore;
  std::size_t head_bytes = 0;
  std::size_t skipped_bytes = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome outcome(HeadScanner& scanner, Result result) {
  if (result != Result::kFound) return {result};
  return {result, scanner.head_bytes(), scanner.skipped_bytes()};
}

// In pieces that end at the given sizes; every piece is a fresh copy, so that a stale pointer is found.
Outcome scan_pieces(const std::string& bytes, const std::vector<std::size_t>& sizes, HeadKind kind) {
  HeadScanner scanner(kind);
  for (const std::size_t size : sizes) {
    const std::string received = bytes.substr(0, size);
    const Result result = scanner.scan(received);
    if (result != Result::kNeedMore) return outcome(scanner, result);
  }
  return {};
}

Outcome scan(const std::string& bytes, HeadKind kind = HeadKind::kRequest) {
  return scan_pieces(bytes, {bytes.size()}, kind);
}

const std::string kSamples[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next",
    "\r\n\r\nGET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nB:\tc\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"s,
    "GET / HTTP/1.1\r\nHost: a",
    "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody",
    "",
    "\r",
};

TEST(HeadScanner, EveryPairOfSplitPointsGivesTheSame) {
  for (const std::string& sample : kSamples) {
    for (const HeadKind kind : {HeadKind::kRequest, HeadKind::kResponse}) {
      const Outcome whole = scan(sample, kind);
      for (std::size_t a = 0; a <= sample.size(); ++a) {
        for (std::size_t b = a; b <= sample.size(); ++b) {
          EXPECT_EQ(scan_pieces(sample, {a, b, sample.size()}, kind), whole)
              << sample << " at " << a << "," << b;
        }
      }
    }
  }
}

TEST(HeadScanner, ByteByByte) {
  for (const std::string& sample : kSamples) {
    std::vector<std::size_t> sizes;
    for (std::size_t size = 0; size <= sample.size(); ++size) sizes.push_back(size);
    EXPECT_EQ(scan_pieces(sample, sizes, HeadKind::kRequest), scan(sample)) << sample;
  }
}

TEST(HeadScanner, FindsTheEnd) {
  EXPECT_EQ(scan("GET / HTTP/1.1\r\n\r\n"), (Outcome{Result::kFound, 18, 0}));
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nA: b\r\n\r\nrest"), (Outcome{Result::kFound, 24, 0}));
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nA: b\r\n"), Outcome{Result::kNeedMore});
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nA: b\r\n\r"), Outcome{Result::kNeedMore});
}

TEST(HeadScanner, SkipsEmptyLinesInFrontOfARequestOnly) {
  const std::string head = "GET / HTTP/1.1\r\n\r\n";
  std::string empty;
  for (unsigned i = 0; i <= HeadScanner::kEmptyLinesMax; ++i, empty += "\r\n") {
    EXPECT_EQ(scan(empty + head), (Outcome{Result::kFound, empty.size() + head.size(), empty.size()}));
  }
  EXPECT_EQ(scan(empty + head), Outcome{Result::kBad});
  EXPECT_EQ(scan("\r\n" + head, HeadKind::kResponse), Outcome{Result::kBad});
  EXPECT_EQ(scan("\n" + head), Outcome{Result::kBad});
}

TEST(HeadScanner, IsBadAsSoonAsTheByteIsThere) {
  EXPECT_EQ(scan("G\n"), Outcome{Result::kBad});
  EXPECT_EQ(scan("G\rx"), Outcome{Result::kBad});
  EXPECT_EQ(scan("G\0"s), Outcome{Result::kBad});
  EXPECT_EQ(scan("G\x7f"), Outcome{Result::kBad});
  EXPECT_EQ(scan("\x16\x03\x01"), Outcome{Result::kBad});  // a TLS hello
}

TEST(HeadScanner, KnowsWhichLineIsTooLong) {
  HeadScanner scanner;
  EXPECT_TRUE(scanner.in_first_line());
  EXPECT_EQ(scanner.scan("\r\nGET /aaaa"), Result::kNeedMore);
  EXPECT_TRUE(scanner.in_first_line());
  EXPECT_EQ(scanner.scan("\r\nGET /aaaa HTTP/1.1\r\nA"), Result::kNeedMore);
  EXPECT_FALSE(scanner.in_first_line());
}

TEST(HeadScanner, ResetIsForTheNextMessage) {
  HeadScanner scanner;
  ASSERT_EQ(scanner.scan("\r\nGET / HTTP/1.1\r\n\r\n"), Result::kFound);
  scanner.reset();
  ASSERT_EQ(scanner.scan("GET / HTTP/1.1\r\n\r\n"), Result::kFound);
  EXPECT_EQ(scanner.head_bytes(), 18u);
  EXPECT_EQ(scanner.skipped_bytes(), 0u);
}

}  // namespace
}  // namespace apisix::http
