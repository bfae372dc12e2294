// What is refused is in request_smuggling_test.cc.
#include "shared/http/h1/chunked_decoder.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "shared/http/h1/head_writer.h"

namespace apisix::http {
namespace {

using Result = ChunkedDecoder::Result;

struct Outcome {
  std::string data;
  std::string trailers;
  std::string rest;  // behind the end
  bool done = false;
  bool bad = false;
  bool operator==(const Outcome&) const = default;
};
void PrintTo(const Outcome& o, std::ostream* out) {
  *out << "data " << ::testing::PrintToString(o.data) << " trailers " << ::testing::PrintToString(o.trailers)
       << " rest " << ::testing::PrintToString(o.rest) << (o.done ? " done" : "") << (o.bad ? " bad" : "");
}

void feed_piece(ChunkedDecoder& decoder, std::string_view piece, Outcome& out) {
  while (!piece.empty() && !out.bad) {
    if (out.done) {
      out.rest.append(piece);
      return;
    }
    const ChunkedDecoder::Step step = decoder.feed(piece);
    if (step.result == Result::kData) out.data.append(step.bytes);
    if (step.result == Result::kTrailers) out.trailers.append(step.bytes);
    out.done = step.result == Result::kDone;
    out.bad = step.result == Result::kBad;
    ASSERT_TRUE(out.bad || step.consumed > 0) << "no progress";
    ASSERT_LE(step.consumed, piece.size());
    if (step.result == Result::kNeedMore) ASSERT_EQ(step.consumed, piece.size());
    piece.remove_prefix(step.consumed);
  }
}

Outcome decode(const std::vector<std::string>& pieces) {
  Outcome out;
  ChunkedDecoder decoder;
  for (const std::string& piece : pieces) feed_piece(decoder, piece, out);
  return out;
}

const std::string kSamples[] = {
    "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /",
    "0\r\n\r\n",
    "A;name=value;x=\"y z\"\r\n0123456789\r\n0;last\r\nX-A: b\r\nX-C:d\r\n\r\nnext",
    "00a\r\n0123456789\r\n000\r\n\r\n",
    "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\nT:\r\n\r\n",
    "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "5\r\nhelloX\r\n",
    "5\r\nhel",
    "zz\r\n",
};

TEST(ChunkedDecoder, EveryPairOfSplitPointsGivesTheSame) {
  for (const std::string& sample : kSamples) {
    Outcome whole = decode({sample});
    for (std::size_t a = 0; a <= sample.size(); ++a) {
      for (std::size_t b = a; b <= sample.size(); ++b) {
        Outcome split = decode({sample.substr(0, a), sample.substr(a, b - a), sample.substr(b)});
        // A bad trailer line may or may not have been handed out in part before it turned bad.
        if (whole.bad && split.bad) split.trailers = whole.trailers;
        EXPECT_EQ(split, whole) << sample << " at " << a << "," << b;
      }
    }
  }
}

TEST(ChunkedDecoder, ByteByByte) {
  for (const std::string& sample : kSamples) {
    std::vector<std::string> bytes;
    for (const char c : sample) bytes.emplace_back(1, c);
    Outcome whole = decode({sample});
    Outcome split = decode(bytes);
    if (whole.bad) split.trailers = whole.trailers;
    EXPECT_EQ(split, whole) << sample;
  }
}

TEST(ChunkedDecoder, YieldsDataTrailersAndWhatFollows) {
  EXPECT_EQ(decode({kSamples[0]}), (Outcome{"hello world", "", "GET /", true, false}));
  EXPECT_EQ(decode({kSamples[1]}), (Outcome{"", "", "", true, false}));
  EXPECT_EQ(decode({kSamples[2]}), (Outcome{"0123456789", "X-A: b\r\nX-C:d\r\n", "next", true, false}));
  EXPECT_EQ(decode({kSamples[7]}), (Outcome{"hel", "", "", false, false}));
}

TEST(ChunkedDecoder, DataIsNotCopied) {
  const std::string body = "5\r\nhello\r\n0\r\n\r\n";
  ChunkedDecoder decoder;
  const ChunkedDecoder::Step step = decoder.feed(body);
  EXPECT_EQ(step.result, Result::kData);
  EXPECT_EQ(step.bytes.data(), body.data() + 3);
  EXPECT_EQ(step.consumed, 8u);
}

TEST(ChunkedDecoder, CountsWhatIsLeftOfAChunk) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.feed("10000\r\nabc").bytes, "abc");
  EXPECT_EQ(decoder.chunk_bytes_left(), 65536u - 3);
}

TEST(ChunkedDecoder, TheLongestChunkSize) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.feed("fffffffffffffff\r\nab").result, Result::kData);
  EXPECT_EQ(decoder.chunk_bytes_left(), 0xfffffffffffffffu - 2);
}

TEST(ChunkedDecoder, ExtensionsUpToTheLimit) {
  EXPECT_TRUE(decode({"1;" + std::string(256, 'a') + "\r\nx\r\n0\r\n\r\n"}).done);
  EXPECT_TRUE(decode({"1;" + std::string(257, 'a') + "\r\nx\r\n0\r\n\r\n"}).bad);
}

TEST(ChunkedDecoder, DoneStaysDone) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.feed("0\r\n\r\n").result, Result::kDone);
  EXPECT_TRUE(decoder.done());
  const ChunkedDecoder::Step step = decoder.feed("5\r\nhello");
  EXPECT_EQ(step.result, Result::kDone);
  EXPECT_EQ(step.consumed, 0u);
}

TEST(ChunkedDecoder, ReadsWhatTheWriterWrites) {
  for (const std::uint64_t size :
       {std::uint64_t{1}, std::uint64_t{15}, std::uint64_t{16}, std::uint64_t{70000}}) {
    std::string body;
    char line[kChunkLineBytesMax];
    body.append(line, write_chunk_line(size, line));
    body.append(size, 'x').append(kChunkEnd).append(kLastChunk);
    EXPECT_EQ(decode({body}), (Outcome{std::string(size, 'x'), "", "", true, false}));
  }
}

TEST(Trailers, AreFieldsWithoutThoseThatFrameOrRoute) {
  base::Arena arena;
  HeaderMap map;
  ASSERT_TRUE(
      parse_trailers("Content-Length: 5\r\nX-Checksum: abc\r\nHost: b\r\ntransfer-encoding: chunked\r\n"
                     "Authorization: x\r\nx_consumer_username: root\r\nGrpc-Status: 0\r\n",
                     arena, 16, map));
  ASSERT_EQ(map.size(), 2u);
  EXPECT_EQ(map.find("x-checksum")->value, "abc");
  EXPECT_EQ(map.find("grpc-status")->value, "0");
}

TEST(Trailers, AreBounded) {
  base::Arena arena;
  HeaderMap map;
  EXPECT_TRUE(parse_trailers("", arena, 2, map));
  EXPECT_EQ(map.size(), 0u);
  EXPECT_FALSE(parse_trailers("A: b\r\nC: d\r\nE: f\r\n", arena, 2, map));
  HeaderMap other;
  EXPECT_FALSE(parse_trailers("A: b\r\nC", arena, 2, other));
}

}  // namespace
}  // namespace apisix::http
