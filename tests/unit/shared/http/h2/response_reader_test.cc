// Heads of responses in HTTP/2, as the engine gives their fields: what is kept, and what is refused although
// some engine let it pass.
#include "shared/http/h2/response_reader.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace apisix::h2 {
namespace {

using http::Framing;
using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

constexpr http::ResponseLimits kLimits{.header_count_max = 8, .head_bytes_max = 256};

class ResponseReaderTest : public ::testing::Test {
 protected:
  http::ResponseHead* read(const Fields& fields, bool end = false, http::Method method = http::Method::kGet) {
    reader_.emplace(arena_, method, kLimits);
    for (const auto& [name, value] : fields) reader_->on_field(name, value);
    return reader_->end_head(end);
  }
  std::string error() const { return reader_->error() != nullptr ? reader_->error() : ""; }

  base::Arena arena_;
  std::optional<ResponseReader> reader_;
};

TEST_F(ResponseReaderTest, FieldsAreLinesThatHttp1CopiesInRuns) {
  const http::ResponseHead* head = read({{":status", "200"}, {"content-type", "a/b"}, {"x-y", "z"}});
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->protocol, http::Protocol::k2);
  EXPECT_EQ(head->headers.value(http::KnownHeader::kContentType), "a/b");
  for (const http::HeaderField& field : head->headers) {
    EXPECT_TRUE(field.intact);
    const std::string line(field.name.data(), field.name.size() + field.value.size() + 4);
    EXPECT_EQ(line, std::string(field.name) + ": " + std::string(field.value) + "\r\n");
  }
}

TEST_F(ResponseReaderTest, EndOfTheBodyIsTheStreamsOrItsLength) {
  EXPECT_EQ(read({{":status", "200"}})->framing, Framing::kUntilClose);
  EXPECT_FALSE(read({{":status", "200"}}, true)->has_content_length);
  const http::ResponseHead* head = read({{":status", "200"}, {"content-length", "7"}});
  EXPECT_EQ(head->framing, Framing::kLength);
  EXPECT_EQ(head->content_length, 7u);
  EXPECT_EQ(read({{":status", "304"}, {"content-length", "7"}}, true)->framing, Framing::kNone);
  EXPECT_TRUE(read({{":status", "304"}, {"content-length", "7"}}, true)->has_content_length);
  EXPECT_FALSE(read({{":status", "204"}, {"content-length", "0"}}, true)->has_content_length);
  head = read({{":status", "200"}, {"content-length", "7"}}, true, http::Method::kHead);
  EXPECT_EQ(head->framing, Framing::kNone);
  EXPECT_EQ(head->content_length, 7u);
}

struct Refused {
  const char* name;
  Fields fields;
  const char* error;
  bool end = false;
};
class RefusedHead : public ResponseReaderTest, public ::testing::WithParamInterface<Refused> {};

TEST_P(RefusedHead, IsRefused) {
  EXPECT_EQ(read(GetParam().fields, GetParam().end), nullptr);
  EXPECT_EQ(error(), GetParam().error);
}

constexpr const char* kBadStatus = "the status code is not three digits from 100 to 999";
constexpr const char* kHopField = "a field of the connection (RFC 9113 8.2.2)";
constexpr const char* kCharacter = "a header field has a character that is not allowed";

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedHead,
    ::testing::Values(
        Refused{"NoStatus", {{"a", "b"}}, "there is no status code"},
        Refused{"Short", {{":status", "20"}}, kBadStatus}, Refused{"Long", {{":status", "2000"}}, kBadStatus},
        Refused{"Letter", {{":status", "2o0"}}, kBadStatus},
        Refused{"Below100", {{":status", "099"}}, kBadStatus},
        Refused{"Twice", {{":status", "200"}, {":status", "200"}}, kBadStatus},
        Refused{"Switching", {{":status", "101"}}, "101, which HTTP/2 does not have (RFC 9113 8.6)"},
        Refused{"Connection", {{":status", "200"}, {"connection", "x"}}, kHopField},
        Refused{"Coding", {{":status", "200"}, {"transfer-encoding", "chunked"}}, kHopField},
        Refused{"Upgrade", {{":status", "200"}, {"upgrade", "x"}}, kHopField},
        Refused{"LineEnd", {{":status", "200"}, {"a", "b\r\nContent-Length: 3"}}, kCharacter},
        Refused{"Return", {{":status", "200"}, {"a", "b\r"}}, kCharacter},
        Refused{"Nul", {{":status", "200"}, {"a", std::string_view("\0", 1)}}, kCharacter},
        Refused{"NameWithColon", {{":status", "200"}, {"a:b", "c"}}, kCharacter},
        Refused{"NameWithSpace", {{":status", "200"}, {"a b", "c"}}, kCharacter},
        Refused{"EmptyName", {{":status", "200"}, {"", "c"}}, kCharacter},
        Refused{"TwoLengths",
                {{":status", "200"}, {"content-length", "1"}, {"content-length", "1"}},
                "more than one Content-Length"},
        Refused{"BadLength",
                {{":status", "200"}, {"content-length", "1, 1"}},
                "the value of Content-Length is not one decimal number"},
        Refused{"EmptyBody",
                {{":status", "200"}, {"content-length", "1"}},
                "the body is shorter than its Content-Length",
                true},
        Refused{"TooLarge",
                {{":status", "200"},
                 {"a", std::string_view(kCharacter, 45)},
                 {"b", kHopField},
                 {"c", kBadStatus},
                 {"d", kBadStatus},
                 {"e", kBadStatus}},
                "the head is too large"},
        Refused{"TooMany",
                {{":status", "200"},
                 {"a", ""},
                 {"a", ""},
                 {"a", ""},
                 {"a", ""},
                 {"a", ""},
                 {"a", ""},
                 {"a", ""},
                 {"a", ""}},
                "too many header fields"}),
    [](const auto& info) { return info.param.name; });

TEST_F(ResponseReaderTest, NameThatReadsAsFramingIsLeftOut) {
  const http::ResponseHead* head =
      read({{":status", "200"}, {"content_length", "5"}, {"transfer.encoding", "x"}});
  ASSERT_NE(head, nullptr);
  EXPECT_TRUE(head->headers.empty());
  ASSERT_NE(head->ignored_lines, nullptr);
  EXPECT_EQ(head->ignored_lines->text, "transfer.encoding: x");
}

TEST_F(ResponseReaderTest, TrailersAreThoseThatMayBePassedOn) {
  ASSERT_NE(read({{":status", "200"}}), nullptr);
  for (const auto& [name, value] :
       Fields{{"grpc-status", "0"}, {"content-length", "1"}, {"set-cookie", "a=b"}})
    reader_->on_field(name, value);
  const http::HeaderMap* const trailers = reader_->end_trailers();
  ASSERT_NE(trailers, nullptr);
  EXPECT_EQ(trailers->size(), 1u);
  EXPECT_NE(trailers->find("grpc-status"), nullptr);
  EXPECT_EQ(error(), "");
}

TEST_F(ResponseReaderTest, StatusInTrailersIsRefused) {
  ASSERT_NE(read({{":status", "200"}}), nullptr);
  reader_->on_field(":status", "200");
  EXPECT_EQ(reader_->end_trailers(), nullptr);
  EXPECT_EQ(error(), "a pseudo header in the trailers");
}

TEST_F(ResponseReaderTest, LimitsAreThoseOfEachBlock) {
  reader_.emplace(arena_, http::Method::kGet, kLimits);
  for (int i = 0; i < 5; ++i) {
    reader_->on_field(":status", "103");
    reader_->on_field("link", "</a>; rel=preload; as=script; and more of it, to be near the bound of a head");
    ASSERT_NE(reader_->end_head(false), nullptr) << error();
  }
}

}  // namespace
}  // namespace apisix::h2
