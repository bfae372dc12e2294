#include "shared/resolve/dns_reply.h"

#include <gtest/gtest.h>

#include "tests/fakes/dns_server.h"

namespace apisix::resolve {
namespace {

DnsReply parse(const std::string& message, DnsType type = DnsType::kA) {
  return parse_dns_reply({reinterpret_cast<const unsigned char*>(message.data()), message.size()}, "A.test",
                         type);
}

TEST(DnsReplyParser, OwnersAreComparedWithoutCase) {
  const auto reply = parse(dns_message(1, "a.test", 1, {.records = {dns_address("a.TEST", "10.0.0.1", 9)}}));
  EXPECT_EQ(reply.kind, DnsReply::Kind::kRecords);
  ASSERT_EQ(reply.addresses.size(), 1u);
  EXPECT_EQ(reply.ttl_seconds, 9u);
}

TEST(DnsReplyParser, RecordsOfOtherNamesTypesAndSizesAreNotTaken) {
  DnsRecord short_one = dns_address("a.test", "10.0.0.1");
  short_one.data.resize(3);
  const auto reply = parse(dns_message(
      1, "a.test", 1,
      {.records = {dns_address("b.test", "10.0.0.1"), dns_address("a.test", "2001:db8::1"), short_one}}));
  EXPECT_EQ(reply.kind, DnsReply::Kind::kNoRecords);
  EXPECT_TRUE(reply.addresses.empty());
}

TEST(DnsReplyParser, ATtlWithTheTopBitIsZero) {
  const auto reply =
      parse(dns_message(1, "a.test", 1, {.records = {dns_address("a.test", "10.0.0.1", 0x80000000)}}));
  EXPECT_EQ(reply.ttl_seconds, 0u);
}

TEST(DnsReplyParser, AnAliasAloneIsReported) {
  const auto reply = parse(dns_message(1, "a.test", 1, {.records = {dns_cname("a.test", "B.test", 9)}}));
  EXPECT_EQ(reply.kind, DnsReply::Kind::kRecords);
  EXPECT_EQ(reply.alias, "b.test");
  EXPECT_EQ(reply.ttl_seconds, 9u);
}

TEST(DnsReplyParser, EveryPrefixOfAMessageIsRefusedOrEmptyButNeverRead) {
  const std::string message = dns_message(
      1, "a.test", 33, {.records = {dns_cname("a.test", "b.test"), dns_srv("b.test", 1, 2, 3, "c.test")}});
  EXPECT_EQ(parse(message, DnsType::kSrv).services.size(), 1u);
  for (std::size_t length = 0; length < message.size(); ++length) {
    const std::string prefix = message.substr(0, length);
    const auto reply = parse(prefix, DnsType::kSrv);
    EXPECT_EQ(reply.kind, DnsReply::Kind::kFailed) << length;
    EXPECT_NE(reply.error, "");
  }
}

TEST(DnsReplyParser, PointersThatLoopAreRefused) {
  std::string message = dns_message(1, "a.test", 1, {.records = {dns_address("a.test", "10.0.0.1")}});
  const std::size_t owner = 12 + 8 + 4;
  message[owner] = static_cast<char>(0xc0);
  message[owner + 1] = static_cast<char>(owner);
  EXPECT_EQ(parse(message).kind, DnsReply::Kind::kFailed);
}

}  // namespace
}  // namespace apisix::resolve
