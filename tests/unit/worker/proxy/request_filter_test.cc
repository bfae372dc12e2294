// A request's body on its way through filters of plugins: where it comes from, and what comes out of it.
#include "worker/proxy/request_filter.h"

#include "tests/unit/worker/proxy/request_body_plugins.h"
#include "tests/unit/worker/proxy/stream_part_fixture.h"

namespace apisix::proxy {
namespace {

class RequestFilterTest : public StreamPartTest {
 protected:
  RequestFilterTest() { receive_lines("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n"); }
  void give(std::string_view bytes, bool end = false) {
    exchange_.give(bytes);
    if (end) exchange_.give_end();
  }
  // What one read gives; with '.' when it is the end.
  std::string read() {
    Content content;
    const RequestFilter::Read read = filter_.read(content);
    if (read.is_failed) return std::string("failed: ") + read.what;
    std::string out;
    for (const iovec& piece : content.pieces) {
      out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    EXPECT_EQ(out.size(), content.bytes);
    received_ += read.received;
    return out + (content.end ? "." : "");
  }
  // Turn by turn, as long as there is something to do.
  std::string read_slices() {
    std::string out = read();
    for (int turns = 0; filter_.has_work() && turns < 100; ++turns) out += "|" + read();
    return out;
  }
  void store(std::size_t bytes_max) {
    auto reading = content_.read_body_start(bytes_max);
    reading.start();
    EXPECT_TRUE(reading.done());
  }

  RequestContent content_{services_, exchange_, request_, chains_};
  RequestFilter filter_{services_.bodies, exchange_, content_, chains_};
  std::size_t received_ = 0;
};

TEST_F(RequestFilterTest, PiecesAreFilteredAsTheyCome) {
  use_plugins<BodyDoubler>();
  EXPECT_EQ(read(), "");
  give("ab");
  EXPECT_EQ(read(), "abab");
  EXPECT_FALSE(filter_.has_ended());
  give("c", true);
  EXPECT_EQ(read(), "cc.");
  EXPECT_TRUE(filter_.has_ended());
  EXPECT_EQ(received_, 3u);
}

TEST_F(RequestFilterTest, EndWithoutContentIsAPieceOfItsOwn) {
  use_plugins<BodyHolder>();
  give("", true);
  EXPECT_EQ(read(), "!.");
}

TEST_F(RequestFilterTest, FilterMayKeepEverythingAndTakeManyTurns) {
  use_plugins<BodyDoubler, BodyHolder>();
  give("a");
  EXPECT_EQ(read(), "");
  EXPECT_FALSE(filter_.has_work());
  give("b", true);
  EXPECT_EQ(read_slices(), "a|a|b|b|!.");
}

TEST_F(RequestFilterTest, WhatComesBehindAnUnfinishedPieceWaits) {
  use_plugins<BodySlicer>();
  exchange_.piece_bytes_max = 2;
  give("abcde");
  EXPECT_EQ(read(), "a");
  EXPECT_TRUE(filter_.has_work());
  give("f", true);
  EXPECT_EQ(read_slices(), "b|c|d|e");
  EXPECT_EQ(read(), "f.");
}

TEST_F(RequestFilterTest, EndBehindAnUnfinishedPieceComesWithItsRest) {
  use_plugins<BodySlicer>();
  exchange_.piece_bytes_max = 2;
  give("abcd", true);
  EXPECT_EQ(read_slices(), "a|b|c|d.");
}

TEST_F(RequestFilterTest, StoredBodyIsFilteredInSlicesBeforeTheRest) {
  use_plugins<BodyJudge>();
  const std::string body(plugin::kBodySliceBytes + 3, 'x');
  give(body);
  store(body.size());
  ASSERT_TRUE(content_.stored()->is_partial());
  give("rest", true);
  EXPECT_EQ(read().size(), plugin::kBodySliceBytes);
  EXPECT_TRUE(filter_.has_work());
  EXPECT_EQ(read(), "xxx");
  EXPECT_FALSE(filter_.has_work());
  EXPECT_EQ(read(), "rest.");
  EXPECT_EQ(received_, 4u);  // what was stored is counted already
}

TEST_F(RequestFilterTest, StoredBodyThatIsWholeEndsWithItsLastSlice) {
  use_plugins<BodyDoubler>();
  give("ab", true);
  store(100);
  EXPECT_EQ(read(), "abab.");
}

TEST_F(RequestFilterTest, ReplacedBodyIsFilteredInThePlaceOfTheClients) {
  use_plugins<BodyDoubler>();
  give("client", true);
  auto replacing = content_.replace_body("new");
  replacing.start();
  ASSERT_TRUE(replacing.done());
  EXPECT_EQ(read(), "newnew.");
}

TEST_F(RequestFilterTest, FilterThatWantsNoMoreEndsTheBodyAndTheConnection) {
  use_plugins<BodyJudge>();
  give("xEND");
  EXPECT_EQ(read(), "xEND.");
  EXPECT_TRUE(exchange_.closes);
}

TEST_F(RequestFilterTest, FilterThatGivesUpFailsIt) {
  use_plugins<BodyJudge>();
  give("xBAD");
  EXPECT_EQ(read(), "failed: a plugin refused its body");
  EXPECT_FALSE(filter_.has_ended());
}

TEST_F(RequestFilterTest, BodyThatIsNoneFailsIt) {
  use_plugins<BodyDoubler>();
  exchange_.is_bad = true;
  EXPECT_EQ(read(), "failed: malformed chunked body");
}

}  // namespace
}  // namespace apisix::proxy
