// Heads of requests to nodes in HTTP/2, from the same struct that HTTP/1 writes.
#include "shared/http/h2/request_fields.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::h2 {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::Pair;
using Made = std::vector<std::pair<std::string, std::string>>;

class RequestFieldsTest : public ::testing::Test {
 protected:
  Made make(const RequestFieldsMode& mode = {}) {
    head_.headers = &headers_;
    is_written_ = make_request_fields(head_, mode, arena_, fields_);
    Made made;
    for (const Field& field : fields_) made.emplace_back(field.name, field.value);
    return made;
  }

  base::Arena arena_;
  http::HeaderMap headers_;
  http::RequestWrite head_{.method = "POST", .target = "/a?b", .host = "h.test"};
  std::vector<Field> fields_;
  bool is_written_ = false;
};

TEST_F(RequestFieldsTest, PseudoHeadersComeFirst) {
  headers_.add(arena_, "Accept", "*/*");
  EXPECT_THAT(make({.scheme = "https"}),
              ElementsAre(Pair(":method", "POST"), Pair(":scheme", "https"), Pair(":path", "/a?b"),
                          Pair(":authority", "h.test"), Pair("Accept", "*/*")));
  EXPECT_TRUE(is_written_);
}

TEST_F(RequestFieldsTest, AuthorityIsTheMapsHostWithoutAnotherOne) {
  head_.host = {};
  headers_.add(arena_, "Host", "map.test");
  EXPECT_THAT(make(), Contains(Pair(":authority", "map.test")));
  EXPECT_THAT(make(), Not(Contains(Pair("Host", "map.test"))));
}

TEST_F(RequestFieldsTest, FieldsOfAHopStayBehind) {
  for (const char* const name : {"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding",
                                 "Upgrade", "TE", "Trailer", "Expect", "HTTP2-Settings", "Content-Length"}) {
    headers_.add(arena_, name, "1");
  }
  headers_.push(arena_, {.name = "X-Hop", .value = "1", .nominated = true});
  EXPECT_EQ(make().size(), 4u);
}

TEST_F(RequestFieldsTest, LengthComesFromTheFraming) {
  head_.framing = http::Framing::kLength;
  head_.content_length = 42;
  EXPECT_THAT(make(), Contains(Pair("content-length", "42")));
  head_.framing = http::Framing::kChunked;
  EXPECT_EQ(make().size(), 4u);
}

TEST_F(RequestFieldsTest, WhiteSpaceAroundAValueIsTakenOff) {  // RFC 9113 8.2.1
  headers_.add(arena_, "X-A", " b\t");
  EXPECT_THAT(make(), Contains(Pair("X-A", "b")));
}

TEST_F(RequestFieldsTest, GrpcHasOneContentTypeAndTrailers) {
  headers_.add(arena_, "Content-Type", "application/json");
  headers_.add(arena_, "Content-Type", "application/grpc+proto");
  headers_.add(arena_, "Content-Type", "application/grpc");
  const Made made = make({.is_grpc = true});
  EXPECT_EQ(made.size(), 6u);
  EXPECT_THAT(made, Contains(Pair("Content-Type", "application/grpc+proto")));
  EXPECT_EQ(made.back(), std::pair(std::string("te"), std::string("trailers")));
}

TEST_F(RequestFieldsTest, HeadThatIsNotOneLineIsNotWritten) {
  for (const char* const target : {"", "/a b", "/a\r\nb", "/\x7f"}) {
    head_.target = target;
    make();
    EXPECT_FALSE(is_written_) << target;
  }
  head_.target = "/";
  head_.host = "a\r\nb";
  make();
  EXPECT_FALSE(is_written_);
}

TEST_F(RequestFieldsTest, WhatDiffersEachTimeIsNotIndexed) {
  headers_.add(arena_, "X-Forwarded-For", "192.0.2.1");
  headers_.add(arena_, "Cookie", "a=b");
  headers_.add(arena_, "User-Agent", "x");
  make();
  EXPECT_TRUE(fields_[4].never_index);
  EXPECT_TRUE(fields_[5].never_index);
  EXPECT_FALSE(fields_[6].never_index);
}

}  // namespace
}  // namespace apisix::h2
