// A body between two framings: what goes out, what is left in the input, and when it ends (RFC 9112 section 6
// and 7).
#include "shared/http/h1/body_framing.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

using Result = H1BodyDecoder::Result;

std::string text_of(const Pieces& pieces) {
  std::string out;
  for (const iovec& piece : pieces.span())
    out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  return out;
}

// Content of a chunked body that ends where `wire` ends; else "not whole: " and the body.
std::string content_of_chunks(std::string_view wire) {
  ChunkedDecoder decoder;
  std::string content;
  std::string_view left = wire;
  while (!left.empty() && !decoder.done()) {
    const auto step = decoder.feed(left);
    if (step.result == ChunkedDecoder::Result::kBad) break;
    if (step.result == ChunkedDecoder::Result::kData) content += step.bytes;
    left.remove_prefix(step.consumed);
  }
  return decoder.done() && left.empty() ? content : "not whole: " + std::string(wire);
}

// Off one framing and onto another, as a session and an exchange do it together.
class Reframing {
 public:
  struct Step {
    Result result;
    std::size_t consumed;
    std::size_t body_bytes;
  };

  explicit Reframing(base::Arena& arena) : arena_(arena), decoder_(arena) {}
  void start(Framing in, std::uint64_t length, Framing out) {
    decoder_.start(in, length);
    out_ = out;
  }
  void go_on_as(Framing out) { out_ = out; }
  Step take(std::string_view raw, Pieces& out) {
    if (decoder_.done()) return {Result::kDone, 0, 0};
    Pieces content;
    const H1BodyDecoder::Step step = decoder_.take(raw, content);
    const bool done = step.result == Result::kDone;
    add_framed({.pieces = content.span(),
                .bytes = step.bytes,
                .end = done,
                .trailers = done ? decoder_.trailers() : nullptr},
               out_, arena_, out);
    return {step.result, step.consumed, step.bytes};
  }
  Result on_sender_closed(Pieces& out) {
    if (decoder_.done()) return Result::kDone;
    const Result result = decoder_.on_sender_closed();
    if (result == Result::kDone) add_framed({.end = true}, out_, arena_, out);
    return result;
  }
  bool done() const { return decoder_.done(); }
  Framing in() const { return decoder_.framing(); }
  std::uint64_t bytes_left() const { return decoder_.bytes_left(); }

 private:
  base::Arena& arena_;
  H1BodyDecoder decoder_;
  Framing out_ = Framing::kNone;
};

class H1FramingTest : public ::testing::Test {
 protected:
  // Feeds `raw` as if it came in these pieces; what is not taken stays in front of the next piece.
  Result pump_pieces(const std::vector<std::string_view>& pieces) {
    std::string held;
    Result result = Result::kMore;
    for (const std::string_view piece : pieces) {
      held += piece;
      result = take_all(held);
      if (result != Result::kMore) break;
    }
    left_ = held;
    return result;
  }
  Result pump(std::string_view raw) { return pump_pieces({raw}); }
  Result pump_split_at(std::string_view raw, std::size_t at) {
    return pump_pieces({raw.substr(0, at), raw.substr(at)});
  }
  Result close() {
    Pieces out;
    const Result result = pump_.on_sender_closed(out);
    wire_ += text_of(out);
    return result;
  }
  void start(Framing in, Framing out, std::uint64_t length = 0) {
    wire_.clear();
    left_.clear();
    body_bytes_ = 0;
    pump_.start(in, length, out);
  }

  base::Arena arena_;
  Reframing pump_{arena_};
  std::string wire_;  // what went out
  std::string left_;  // what was not taken
  std::size_t body_bytes_ = 0;

 private:
  Result take_all(std::string& held) {
    for (;;) {
      Pieces out;
      const Reframing::Step step = pump_.take(held, out);
      wire_ += text_of(out);
      body_bytes_ += step.body_bytes;
      held.erase(0, step.consumed);
      if (step.result != Result::kMore || step.consumed == 0 || held.empty()) return step.result;
    }
  }
};

// --- a length

TEST_F(H1FramingTest, LengthToLengthPassesTheBytesUnchanged) {
  start(Framing::kLength, Framing::kLength, 5);
  EXPECT_EQ(pump("hello"), Result::kDone);
  EXPECT_EQ(wire_, "hello");
  EXPECT_EQ(body_bytes_, 5u);
}

// RFC 9112 6.3: what is behind the length is the next message.
TEST_F(H1FramingTest, LengthLeavesTheNextMessageInTheInput) {
  start(Framing::kLength, Framing::kLength, 5);
  EXPECT_EQ(pump("helloGET / HTTP/1.1"), Result::kDone);
  EXPECT_EQ(wire_, "hello");
  EXPECT_EQ(left_, "GET / HTTP/1.1");
}

TEST_F(H1FramingTest, LengthSplitAtEveryByteIsTheSameBody) {
  const std::string_view body = "a body of 21 bytes...";
  for (std::size_t at = 0; at <= body.size(); ++at) {
    start(Framing::kLength, Framing::kLength, body.size());
    EXPECT_EQ(pump_split_at(body, at), Result::kDone) << "split at " << at;
    EXPECT_EQ(wire_, body) << "split at " << at;
  }
}

TEST_F(H1FramingTest, BytesLeftFallWithEveryPiece) {
  start(Framing::kLength, Framing::kLength, 10);
  EXPECT_EQ(pump_.bytes_left(), 10u);
  EXPECT_EQ(pump("abc"), Result::kMore);
  EXPECT_EQ(pump_.bytes_left(), 7u);
  EXPECT_FALSE(pump_.done());
  EXPECT_EQ(pump("defghij"), Result::kDone);
  EXPECT_EQ(pump_.bytes_left(), 0u);
  EXPECT_TRUE(pump_.done());
}

TEST_F(H1FramingTest, LengthOf64BitsIsKept) {
  start(Framing::kLength, Framing::kLength, ~std::uint64_t{0});
  EXPECT_EQ(pump("abc"), Result::kMore);
  EXPECT_EQ(pump_.bytes_left(), ~std::uint64_t{0} - 3);
}

TEST_F(H1FramingTest, LengthOfZeroIsDoneBeforeAnyByte) {
  start(Framing::kLength, Framing::kLength, 0);
  EXPECT_TRUE(pump_.done());
  EXPECT_EQ(pump("GET /"), Result::kDone);
  EXPECT_EQ(wire_, "");
  EXPECT_EQ(left_, "GET /");
}

TEST_F(H1FramingTest, LengthToChunkedIsOneChunkAndTheLastOne) {
  start(Framing::kLength, Framing::kChunked, 5);
  EXPECT_EQ(pump("hello"), Result::kDone);
  EXPECT_EQ(wire_, "5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(body_bytes_, 5u);  // content, without the lines of the chunks
}

TEST_F(H1FramingTest, LengthToChunkedIsAChunkForEveryRead) {
  start(Framing::kLength, Framing::kChunked, 20);
  EXPECT_EQ(pump_pieces({"0123456789abcdef", "ghij"}), Result::kDone);
  EXPECT_EQ(wire_, "10\r\n0123456789abcdef\r\n4\r\nghij\r\n0\r\n\r\n");
}

// RFC 9112 8: a message whose length was not reached is not complete.
TEST_F(H1FramingTest, LengthCutShortByTheSenderIsBad) {
  start(Framing::kLength, Framing::kChunked, 5);
  EXPECT_EQ(pump("hel"), Result::kMore);
  EXPECT_EQ(close(), Result::kBad);
  EXPECT_EQ(wire_, "3\r\nhel\r\n");  // nothing says that it ended
}

TEST_F(H1FramingTest, NoBodyIsDoneAndAddsNothingInAnyFraming) {
  for (const Framing out : {Framing::kNone, Framing::kLength, Framing::kChunked, Framing::kUntilClose}) {
    start(Framing::kNone, out);
    EXPECT_TRUE(pump_.done());
    EXPECT_EQ(pump("next"), Result::kDone);
    EXPECT_EQ(wire_, "") << static_cast<int>(out);
    EXPECT_EQ(left_, "next") << static_cast<int>(out);
  }
}

// --- chunks

TEST_F(H1FramingTest, ChunksThatCameInOneReadLeaveAsOneChunk) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "7\r\nabcdefg\r\n0\r\n\r\n");
  EXPECT_EQ(body_bytes_, 7u);
}

TEST_F(H1FramingTest, ChunkedToLengthIsTheContentAlone) {
  start(Framing::kChunked, Framing::kLength);
  EXPECT_EQ(pump("3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "abcdefg");
}

// To a client of HTTP/1.0, which knows no chunks (RFC 9112 6.1).
TEST_F(H1FramingTest, ChunkedToUntilCloseIsTheContentAlone) {
  start(Framing::kChunked, Framing::kUntilClose);
  EXPECT_EQ(pump("3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "abc");
}

TEST_F(H1FramingTest, ChunkedSplitAtEveryByteIsTheSameContent) {
  const std::string_view raw = "3\r\nabc\r\n1A;name=\"v\"\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
  for (const Framing out : {Framing::kChunked, Framing::kLength}) {
    for (std::size_t at = 0; at <= raw.size(); ++at) {
      start(Framing::kChunked, out);
      EXPECT_EQ(pump_split_at(raw, at), Result::kDone) << "split at " << at;
      const std::string content = out == Framing::kChunked ? content_of_chunks(wire_) : wire_;
      EXPECT_EQ(content, "abcabcdefghijklmnopqrstuvwxyz") << "split at " << at;
    }
  }
}

TEST_F(H1FramingTest, ChunkedByteByByteIsTheSameContent) {
  const std::string_view raw = "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < raw.size(); ++i) bytes.push_back(raw.substr(i, 1));
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump_pieces(bytes), Result::kDone);
  EXPECT_EQ(content_of_chunks(wire_), "hello world");
  EXPECT_TRUE(wire_.ends_with("0\r\nX-Sum: 1\r\n\r\n")) << wire_;
}

TEST_F(H1FramingTest, ChunkedLeavesTheNextMessageInTheInput) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK"), Result::kDone);
  EXPECT_EQ(left_, "HTTP/1.1 200 OK");
}

TEST_F(H1FramingTest, EmptyChunkedBodyIsTheLastChunkAlone) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("0\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "0\r\n\r\n");
  start(Framing::kChunked, Framing::kLength);
  EXPECT_EQ(pump("0\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "");
}

// RFC 9112 7.1.1: extensions are of one connection; a recipient ignores those that it does not know.
TEST_F(H1FramingTest, ChunkExtensionsEndHere) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("3;a=b;c=\"d\"\r\nabc\r\n0;last\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "3\r\nabc\r\n0\r\n\r\n");
}

TEST_F(H1FramingTest, ChunkSizesMayHaveEitherCaseAndLeadingZeros) {
  start(Framing::kChunked, Framing::kLength);
  EXPECT_EQ(pump("0a\r\n0123456789\r\n00B\r\nabcdefghijk\r\n000\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "0123456789abcdefghijk");
}

TEST_F(H1FramingTest, NothingIsWrittenForALineWithoutItsData) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("5\r\n"), Result::kMore);
  EXPECT_EQ(wire_, "");  // a chunk of size 0 would have been the end
  EXPECT_EQ(pump("he"), Result::kMore);
  EXPECT_EQ(wire_, "2\r\nhe\r\n");
}

// A write takes kPiecesMax pieces: a body of tiny chunks goes out in several.
TEST_F(H1FramingTest, MoreChunksThanPiecesGoOutInSeveralWrites) {
  std::string raw;
  for (int i = 0; i < 200; ++i) raw += "1\r\nx\r\n";
  raw += "0\r\n\r\n";
  start(Framing::kChunked, Framing::kChunked);
  Pieces first;
  const Reframing::Step step = pump_.take(raw, first);
  EXPECT_EQ(step.result, Result::kMore);
  EXPECT_LT(step.consumed, raw.size());
  EXPECT_LE(first.span().size(), net::kPiecesMax);
  EXPECT_EQ(pump(std::string_view(raw).substr(step.consumed)), Result::kDone);
  EXPECT_EQ(content_of_chunks(text_of(first) + wire_), std::string(200, 'x'));
}

// Wherever the places run out, there is one for the end of the chunk and one for the trailers.
TEST_F(H1FramingTest, AnEndAtTheLastPlaceOfAWriteIsWhole) {
  for (std::size_t count = net::kPiecesMax - 10; count < net::kPiecesMax + 10; ++count) {
    std::string raw;
    for (std::size_t i = 0; i < count; ++i) raw += "1\r\nx\r\n";
    start(Framing::kChunked, Framing::kChunked);
    EXPECT_EQ(pump(raw + "0\r\nX-A: 1\r\n\r\n"), Result::kDone) << count;
    EXPECT_EQ(content_of_chunks(wire_), std::string(count, 'x')) << count;
    EXPECT_TRUE(wire_.ends_with("0\r\nX-A: 1\r\n\r\n")) << count;
  }
}

TEST_F(H1FramingTest, ChunkedCutShortByTheSenderIsBad) {
  const std::string_view raw = "3\r\nabc\r\n0\r\n\r\n";
  for (std::size_t bytes = 0; bytes < raw.size(); ++bytes) {
    start(Framing::kChunked, Framing::kChunked);
    EXPECT_EQ(pump(raw.substr(0, bytes)), Result::kMore) << bytes;
    EXPECT_EQ(close(), Result::kBad) << bytes;
    EXPECT_EQ(wire_.find("0\r\n\r\n"), std::string::npos) << bytes;
  }
}

// --- trailers

TEST_F(H1FramingTest, TrailersArePassedOnFromChunkedToChunked) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("3\r\nabc\r\n0\r\ngrpc-status: 0\r\nX-Sum:  1 \r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "3\r\nabc\r\n0\r\ngrpc-status: 0\r\nX-Sum: 1\r\n\r\n");
}

TEST_F(H1FramingTest, TrailersSplitAtEveryByteAreTheSame) {
  const std::string_view raw = "3\r\nabc\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n";
  for (std::size_t at = 0; at <= raw.size(); ++at) {
    start(Framing::kChunked, Framing::kChunked);
    EXPECT_EQ(pump_split_at(raw, at), Result::kDone) << "split at " << at;
    EXPECT_TRUE(wire_.ends_with("0\r\nX-A: 1\r\nX-B: 2\r\n\r\n")) << "split at " << at << ": " << wire_;
  }
}

TEST_F(H1FramingTest, TrailersOfAnEmptyBodyArePassedOn) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("0\r\nX-A: 1\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "0\r\nX-A: 1\r\n\r\n");
}

// RFC 9110 6.5.1: a trailer may not frame or route the message, nor say who sent it.
TEST_F(H1FramingTest, TrailersThatFrameOrIdentifyAreLeftOut) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("0\r\nContent-Length: 5\r\nHost: b\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n"
                 "Authorization: x\r\nX-Forwarded-For: 1.2.3.4\r\nX-Consumer-Username: root\r\n\r\n"),
            Result::kDone);
  EXPECT_EQ(wire_, "0\r\nX-A: 1\r\n\r\n");
}

TEST_F(H1FramingTest, TrailersOfWhichNoneMayPassLeaveThePlainLastChunk) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("0\r\nContent-Length: 5\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "0\r\n\r\n");
}

TEST_F(H1FramingTest, MoreTrailersThanTheirNumberAllowsAreAllLeftOut) {
  for (const int count : {64, 65}) {
    std::string raw = "0\r\n";
    for (int i = 0; i < count; ++i) raw += "X-" + std::to_string(i) + ": v\r\n";
    start(Framing::kChunked, Framing::kChunked);
    EXPECT_EQ(pump(raw + "\r\n"), Result::kDone) << count;
    EXPECT_EQ(wire_, count == 64 ? raw + "\r\n" : "0\r\n\r\n") << count;
  }
}

TEST_F(H1FramingTest, TrailersOfOneBodyAreNotThoseOfTheNext) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("0\r\nX-A: 1\r\n\r\n"), Result::kDone);
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("0\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "0\r\n\r\n");
}

// --- malformed chunks

struct BadBody {
  const char* name;
  const char* raw;
};

class BadChunksTest : public H1FramingTest, public ::testing::WithParamInterface<BadBody> {};

// RFC 9112 7.1 and 11.1: what another recipient could read as another length is refused.
TEST_P(BadChunksTest, AreRefusedWithoutAnEnd) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump(GetParam().raw), Result::kBad);
  EXPECT_EQ(wire_.find("0\r\n"), std::string::npos) << wire_;
  EXPECT_FALSE(pump_.done());
}

INSTANTIATE_TEST_SUITE_P(
    H1Framing, BadChunksTest,
    ::testing::Values(BadBody{"NoSize", "\r\nabc"}, BadBody{"SizeThatIsNotHex", "g\r\n"},
                      BadBody{"SignedSize", "+3\r\nabc\r\n"}, BadBody{"NegativeSize", "-1\r\n"},
                      BadBody{"SizeWithPrefix", "0x3\r\nabc\r\n"},
                      BadBody{"SpaceInFrontOfTheSize", " 3\r\nabc\r\n"},
                      BadBody{"SizeOf17Digits", "10000000000000000\r\n"},
                      BadBody{"LineFeedAlone", "3\nabc\r\n"}, BadBody{"CarriageReturnAlone", "3\rabc"},
                      BadBody{"DataLongerThanItsSize", "3\r\nabcd\r\n"},
                      BadBody{"DataEndsInALineFeed", "3\r\nabc\n0\r\n"},
                      BadBody{"TrailerWithoutColon", "3\r\nabc\r\n0\r\nno colon\r\n\r\n"},
                      BadBody{"TrailerWithoutName", "3\r\nabc\r\n0\r\n: v\r\n\r\n"}),
    [](const auto& body) { return std::string(body.param.name); });

TEST_F(H1FramingTest, DataInFrontOfAMalformedChunkIsPassedOn) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("3\r\nabc\r\nzz\r\n"), Result::kBad);
  EXPECT_EQ(wire_, "3\r\nabc\r\n");
  EXPECT_EQ(body_bytes_, 3u);
}

TEST_F(H1FramingTest, AMalformedBodyStaysMalformed) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("zz\r\n"), Result::kBad);
  EXPECT_EQ(pump("0\r\n\r\n"), Result::kBad);
  EXPECT_EQ(close(), Result::kBad);
  EXPECT_EQ(wire_, "");
}

// --- until the connection closes

TEST_F(H1FramingTest, UntilCloseTakesEverythingAndEndsWithTheConnection) {
  start(Framing::kUntilClose, Framing::kUntilClose);
  EXPECT_EQ(pump_pieces({"HTTP/1.1 200 OK", "\r\n", "0\r\n\r\n"}), Result::kMore);
  EXPECT_FALSE(pump_.done());
  EXPECT_EQ(close(), Result::kDone);
  EXPECT_TRUE(pump_.done());
  EXPECT_EQ(wire_, "HTTP/1.1 200 OK\r\n0\r\n\r\n");
}

TEST_F(H1FramingTest, UntilCloseToChunkedEndsInTheLastChunk) {
  start(Framing::kUntilClose, Framing::kChunked);
  EXPECT_EQ(pump_pieces({"abc", "de"}), Result::kMore);
  EXPECT_EQ(close(), Result::kDone);
  EXPECT_EQ(wire_, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
}

TEST_F(H1FramingTest, UntilCloseWithoutAByteIsAnEmptyBody) {
  start(Framing::kUntilClose, Framing::kChunked);
  EXPECT_EQ(close(), Result::kDone);
  EXPECT_EQ(wire_, "0\r\n\r\n");
}

TEST_F(H1FramingTest, ClosingBehindTheEndAddsNothing) {
  start(Framing::kUntilClose, Framing::kChunked);
  EXPECT_EQ(close(), Result::kDone);
  EXPECT_EQ(close(), Result::kDone);
  EXPECT_EQ(wire_, "0\r\n\r\n");
  start(Framing::kLength, Framing::kLength, 1);
  EXPECT_EQ(pump("a"), Result::kDone);
  EXPECT_EQ(close(), Result::kDone);
  EXPECT_EQ(wire_, "a");
}

// --- a change of framing

TEST_F(H1FramingTest, GoOnAsChangesTheFramingOfWhatIsStillToCome) {
  start(Framing::kChunked, Framing::kLength);
  EXPECT_EQ(pump("3\r\nabc\r\n"), Result::kMore);
  pump_.go_on_as(Framing::kChunked);
  EXPECT_EQ(pump("2\r\nde\r\n0\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "abc2\r\nde\r\n0\r\n\r\n");
}

TEST_F(H1FramingTest, GoOnAsMayTakeTheChunksAway) {
  start(Framing::kLength, Framing::kChunked, 6);
  EXPECT_EQ(pump("abc"), Result::kMore);
  pump_.go_on_as(Framing::kUntilClose);
  EXPECT_EQ(pump("def"), Result::kDone);
  EXPECT_EQ(wire_, "3\r\nabc\r\ndef");
}

TEST_F(H1FramingTest, StartForgetsTheBodyBefore) {
  start(Framing::kChunked, Framing::kChunked);
  EXPECT_EQ(pump("zz"), Result::kBad);
  start(Framing::kChunked, Framing::kLength);
  EXPECT_EQ(pump("3\r\nabc\r\n0\r\n\r\n"), Result::kDone);
  EXPECT_EQ(wire_, "abc");
  EXPECT_EQ(pump_.in(), Framing::kChunked);
}

// --- the pieces

TEST_F(H1FramingTest, PiecesViewTheInputAndCopyNothing) {
  const std::string raw = "5\r\nhello\r\n0\r\n\r\n";
  start(Framing::kChunked, Framing::kLength);
  Pieces out;
  EXPECT_EQ(pump_.take(raw, out).result, Result::kDone);
  ASSERT_EQ(out.span().size(), 1u);
  EXPECT_EQ(out.span()[0].iov_base, raw.data() + 3);
}

TEST(Pieces, EmptyBytesTakeNoPlace) {
  Pieces pieces;
  pieces.add("");
  EXPECT_TRUE(pieces.empty());
  pieces.add("abc");
  pieces.add("de");
  EXPECT_EQ(pieces.bytes(), 5u);
  EXPECT_EQ(pieces.size(), 2u);
}

TEST(Pieces, AChunkLineIsItsSizeInHex) {
  Pieces pieces;
  pieces.add("head");
  pieces.add_chunk_line(0xabc);
  pieces.add("data");
  EXPECT_EQ(text_of(pieces), "headabc\r\ndata");
}

TEST(Pieces, OneHandOverOfContentFitsBehindAHead) {
  std::string raw;
  for (int i = 0; i < 200; ++i) raw += "1\r\nx\r\n";
  base::Arena arena;
  H1BodyDecoder decoder(arena);
  decoder.start(Framing::kChunked, 0);
  Pieces content;
  const H1BodyDecoder::Step step = decoder.take(raw, content);
  EXPECT_EQ(content.size(), kContentPiecesMax);
  Pieces out;
  out.add("head");
  add_framed({.pieces = content.span(), .bytes = step.bytes, .end = true}, Framing::kChunked, arena, out);
  EXPECT_LE(out.size(), net::kPiecesMax);
}

}  // namespace
}  // namespace apisix::http
