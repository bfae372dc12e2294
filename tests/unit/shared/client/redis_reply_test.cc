#include "shared/client/redis_reply.h"

#include <gtest/gtest.h>

namespace apisix::client {
namespace {

using Kind = RedisReply::Kind;

TEST(ReplyReader, ReadsEveryKind) {
  ReplyReader reader;
  ASSERT_TRUE(reader.feed("+OK\r\n:-42\r\n$5\r\nhello\r\n$-1\r\n-ERR no\r\n*2\r\n:1\r\n*1\r\n$1\r\na\r\n"));
  EXPECT_EQ((*reader.next())->text, "OK");
  EXPECT_EQ((*reader.next())->integer, -42);
  EXPECT_EQ((*reader.next())->text, "hello");
  EXPECT_TRUE((*reader.next())->is_nil());
  const auto error = *reader.next();
  EXPECT_TRUE(error->is_error());
  EXPECT_EQ(error->text, "ERR no");
  const auto array = *reader.next();
  ASSERT_EQ(array->items.size(), 2u);
  EXPECT_EQ(array->items[0].integer, 1);
  EXPECT_EQ(array->items[1].items.at(0).text, "a");
  EXPECT_EQ(*reader.next(), nullptr);
}

TEST(ReplyReader, WaitsForTheRest) {
  ReplyReader reader;
  for (const char c : std::string_view("*2\r\n$3\r\nabc\r\n:7\r")) {
    ASSERT_TRUE(reader.feed({&c, 1}));
    EXPECT_EQ(*reader.next(), nullptr);
  }
  ASSERT_TRUE(reader.feed("\n"));
  EXPECT_EQ((*reader.next())->items.at(1).integer, 7);
}

TEST(ReplyReader, RefusesWhatIsNotRedis) {
  ReplyReader reader;
  ASSERT_TRUE(reader.feed("HTTP/1.1 400 Bad Request\r\n"));
  const auto reply = reader.next();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, base::ErrorCode::kClosed);
}

TEST(ReplyReader, RefusesHugeArraysAndTexts) {
  ReplyReader arrays;
  ASSERT_TRUE(arrays.feed("*2000000\r\n"));
  EXPECT_FALSE(arrays.next());
  ReplyReader texts;
  const std::string piece(ReplyReader::kUnreadBytesMax / 4, 'x');
  ASSERT_TRUE(texts.feed("$100000000\r\n"));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(texts.feed(piece));
  EXPECT_FALSE(texts.feed(piece));
}

TEST(RedisReply, ReadsNumbers) {
  EXPECT_EQ((RedisReply{.kind = Kind::kText, .text = "2.5"}).number(), 2.5);
  EXPECT_EQ((RedisReply{.kind = Kind::kInteger, .integer = 3}).number(), 3);
  EXPECT_EQ((RedisReply{.kind = Kind::kText, .text = "17"}).whole_number(), 17);
  EXPECT_FALSE((RedisReply{.kind = Kind::kText, .text = "2.5"}).whole_number());
  EXPECT_FALSE(RedisReply{}.number());
}

}  // namespace
}  // namespace apisix::client
