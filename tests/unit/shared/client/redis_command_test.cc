#include "shared/client/redis_command.h"

#include <gtest/gtest.h>

#include "shared/client/redis_cluster.h"

namespace apisix::client {
namespace {

std::string bytes_of(const RedisCommand& command) {
  std::string out;
  command.append_to(out);
  return out;
}

TEST(RedisCommand, IsAnArrayOfTexts) {
  EXPECT_EQ(bytes_of(RedisCommand("GET").add_key("a")), "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
  EXPECT_EQ(bytes_of(RedisCommand("X", -12, "", 0.25)),
            "*4\r\n$1\r\nX\r\n$3\r\n-12\r\n$0\r\n\r\n$4\r\n0.25\r\n");
}

TEST(RedisCommand, BytesOfArgumentsAreNotLookedAt) {
  EXPECT_EQ(bytes_of(RedisCommand("SET").add_key("a\r\nDEL b")), "*2\r\n$3\r\nSET\r\n$8\r\na\r\nDEL b\r\n");
}

// Slots that a redis-server answers to CLUSTER KEYSLOT.
TEST(RedisSlot, AgreesWithTheServer) {
  EXPECT_EQ(slot_of("123456789"), 12739);  // 0x31C3, the check value of CRC16/XMODEM
  EXPECT_EQ(slot_of("foo"), 12182);
  EXPECT_EQ(slot_of(""), 0);
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
  EXPECT_EQ(slot_of("foo{}{bar}"), slot_of("foo{}{bar}"));
  EXPECT_NE(slot_of("foo{}{bar}"), slot_of("bar"));
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
}

TEST(RedisRedirect, ReadsMovedAndAsk) {
  const auto moved = RedisRedirect::parse("MOVED 3999 127.0.0.1:6381");
  ASSERT_TRUE(moved);
  EXPECT_FALSE(moved->is_ask);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->node, (RedisAddress{"127.0.0.1", 6381}));
  const auto ask = RedisRedirect::parse("ASK 0 2001:db8::1:7000");
  ASSERT_TRUE(ask);
  EXPECT_TRUE(ask->is_ask);
  EXPECT_EQ(ask->node, (RedisAddress{"2001:db8::1", 7000}));
  for (const char* text : {"ERR no", "MOVED 3999", "MOVED x 1:1", "MOVED 16384 1.1.1.1:1", "MOVED 1 nowhere",
                           "MOVED 1 1.1.1.1:99999", ""}) {
    EXPECT_FALSE(RedisRedirect::parse(text)) << text;
  }
}

}  // namespace
}  // namespace apisix::client
