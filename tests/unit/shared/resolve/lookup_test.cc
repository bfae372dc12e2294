#include "shared/resolve/lookup.h"

#include <optional>

#include <gtest/gtest.h>

#include "shared/resolve/hosts_file.h"
#include "shared/resolve/resolv_conf.h"
#include "tests/fakes/scripted_dns_client.h"

namespace apisix::resolve {
namespace {

using Texts = std::vector<std::string>;
using Kind = LookupResult::Kind;

Texts plan(const std::string& name, const SearchRule& search,
           const std::vector<DnsType>& order = {DnsType::kA}) {
  Texts out;
  for (const auto& step : plan_lookup(name, search, order)) {
    out.push_back((step.type == DnsType::kA ? "A " : "AAAA ") + step.name);
  }
  return out;
}

TEST(PlanLookup, NdotsDecidesWhatComesFirst) {
  const SearchRule search{{"svc.local", "local"}, 2};
  EXPECT_EQ(plan("db", search), (Texts{"A db.svc.local", "A db.local", "A db"}));
  EXPECT_EQ(plan("db.east", search), (Texts{"A db.east.svc.local", "A db.east.local", "A db.east"}));
  EXPECT_EQ(plan("a.b.c", search), (Texts{"A a.b.c", "A a.b.c.svc.local", "A a.b.c.local"}));
  EXPECT_EQ(plan("db.", search), (Texts{"A db"}));
  const std::string longest = std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') +
                              "." + std::string(61, 'd');
  EXPECT_EQ(plan(longest, search), (Texts{"A " + longest, "A " + longest + ".local"}));
  EXPECT_EQ(plan("db", {}, {DnsType::kA, DnsType::kAaaa}), (Texts{"A db", "AAAA db"}));
}

struct Looking {
  explicit Looking(const std::string& name, const SearchRule& search = {}, std::size_t first = 0)
      : lookup(dns, plan_lookup(name, search, {DnsType::kA, DnsType::kAaaa}), first,
               Lookup::Done::of<&Looking::on_done>(*this)) {
    lookup.start();
  }
  void on_done(LookupResult found) { result = std::move(found); }
  void alias(const std::string& target, std::uint32_t ttl_seconds) {
    DnsReply reply;
    reply.kind = DnsReply::Kind::kRecords;
    reply.alias = target;
    reply.ttl_seconds = ttl_seconds;
    dns.reply(reply);
  }
  ScriptedDnsClient dns;
  std::optional<LookupResult> result;
  Lookup lookup;
};

TEST(Lookup, AliasesWithoutAddressesAreFollowedWithTheSmallestTtl) {
  Looking looking("www.test");
  looking.alias("cdn.test", 300);
  looking.alias("edge.test", 20);
  looking.dns.reply_with({"10.0.0.1"}, 60);
  ASSERT_TRUE(looking.result);
  EXPECT_EQ(looking.result->kind, Kind::kFound);
  EXPECT_EQ(looking.result->ttl_seconds, 20u);
  EXPECT_EQ(looking.dns.asked, (Texts{"A www.test", "A cdn.test", "A edge.test"}));
}

TEST(Lookup, ALoopOfAliasesEnds) {
  Looking looking("a.test");
  for (int i = 0; i < 100 && !looking.result; ++i) looking.alias(i % 2 == 0 ? "b.test" : "a.test", 60);
  ASSERT_TRUE(looking.result);
  EXPECT_EQ(looking.result->kind, Kind::kFailed);
  EXPECT_EQ(looking.result->error, "too many aliases");
  EXPECT_LT(looking.dns.asked.size(), 25u);
}

TEST(Lookup, AnAliasThatLeadsNowhereIsNotFound) {
  Looking looking("a.test");
  looking.alias("b.test", 60);
  looking.dns.fail(DnsReply::Kind::kNoName);
  ASSERT_TRUE(looking.result);
  EXPECT_EQ(looking.result->kind, Kind::kNotFound);
}

TEST(Lookup, AFailedServerIsNotTakenForAMissingName) {
  Looking looking("db", {{"svc.local"}, 1});
  looking.dns.fail(DnsReply::Kind::kFailed);  // db.svc.local
  looking.dns.fail(DnsReply::Kind::kNoName);  // db
  ASSERT_TRUE(looking.result);
  EXPECT_EQ(looking.result->kind, Kind::kFailed);
  EXPECT_EQ(looking.dns.asked, (Texts{"A db.svc.local", "A db"}));
}

TEST(Lookup, AFailureOfOneSearchDomainDoesNotHideTheName) {
  Looking looking("db", {{"svc.local"}, 1});
  looking.dns.fail(DnsReply::Kind::kFailed);
  looking.dns.reply_with({"10.0.0.1"}, 60);
  ASSERT_TRUE(looking.result);
  EXPECT_EQ(looking.result->kind, Kind::kFound);
  EXPECT_EQ(looking.result->step, 2u);
}

TEST(Lookup, ATimeoutEndsItAtOnce) {
  Looking looking("db", {{"svc.local"}, 1});
  looking.dns.fail(DnsReply::Kind::kTimeout);
  ASSERT_TRUE(looking.result);
  EXPECT_EQ(looking.result->kind, Kind::kFailed);
  EXPECT_EQ(looking.dns.asked.size(), 1u);
}

TEST(Lookup, TheServerThatRepliedLastIsAskedFirst) {
  Looking looking("db", {{"svc.local"}, 1}, 3);
  looking.dns.fail(DnsReply::Kind::kNoRecords);
  looking.dns.fail(DnsReply::Kind::kNoRecords);
  looking.dns.fail(DnsReply::Kind::kNoRecords);
  looking.dns.fail(DnsReply::Kind::kNoRecords);
  EXPECT_EQ(looking.dns.asked, (Texts{"AAAA db", "A db.svc.local", "AAAA db.svc.local", "A db"}));
  ASSERT_TRUE(looking.result);
  EXPECT_EQ(looking.result->kind, Kind::kNotFound);
}

TEST(HostsFile, Parses) {
  const auto table = parse_hosts(
      "# comment\n"
      "10.0.0.1\tApp.Test app # trailing\r\n"
      "10.0.0.2 app\n"
      "2001:db8::1 app six\n"
      "fe80::1%eth0 linklocal\n"
      "not-an-address name\n"
      "10.0.0.3\n"
      "\n"
      "10.0.0.4 last");
  EXPECT_EQ(table.at("app").v4.to_string(), "10.0.0.1");
  EXPECT_EQ(table.at("app").v6.to_string(), "2001:db8::1");
  EXPECT_EQ(table.at("app.test").v4.to_string(), "10.0.0.1");
  EXPECT_FALSE(table.at("six").has_v4);
  EXPECT_EQ(table.at("last").v4.to_string(), "10.0.0.4");
  EXPECT_FALSE(table.contains("linklocal"));
  EXPECT_FALSE(table.contains("name"));
  EXPECT_EQ(table.at("localhost").v4.to_string(), "127.0.0.1");
  EXPECT_EQ(parse_hosts("127.0.0.9 localhost").at("localhost").v4.to_string(), "127.0.0.9");
}

TEST(ResolvConf, Parses) {
  const auto conf = parse_resolv_conf(
      "; comment\n"
      "nameserver 192.0.2.1\n"
      "nameserver 2001:db8::53 # trailing\n"
      "nameserver fe80::1%eth0\n"
      "nameserver name.test\n"
      "domain ignored.test\n"
      "search Svc.Cluster.Local. cluster.local\n"
      "options timeout:1 ndots:5 rotate\n");
  ASSERT_EQ(conf.nameservers.size(), 3u);
  EXPECT_EQ(conf.nameservers[0].address.to_string(), "192.0.2.1");
  EXPECT_EQ(conf.nameservers[1].address.to_string(), "2001:db8::53");
  EXPECT_EQ(conf.nameservers[1].port, 53);
  EXPECT_EQ(conf.nameservers[2].address.to_string(), "fe80::1");
  EXPECT_EQ(conf.search, (Texts{"svc.cluster.local", "cluster.local"}));
  EXPECT_EQ(conf.ndots, 5u);
  const auto empty = parse_resolv_conf("");
  EXPECT_EQ(empty.nameservers[0].address.to_string(), "127.0.0.1");
  EXPECT_EQ(empty.ndots, 1u);
  EXPECT_EQ(parse_resolv_conf("domain a.test").search, Texts{"a.test"});
  EXPECT_EQ(parse_resolv_conf("options ndots:99").ndots, 15u);
}

TEST(NameServer, Parses) {
  const auto text = [](const char* given) {
    const auto server = parse_name_server(given);
    return server ? server->address.to_string() + " " + std::to_string(server->port) : "error";
  };
  EXPECT_EQ(text("127.0.0.1"), "127.0.0.1 53");
  EXPECT_EQ(text("127.0.0.1:1053"), "127.0.0.1 1053");
  EXPECT_EQ(text("[::1]:1053"), "::1 1053");
  EXPECT_EQ(text("[::1]"), "::1 53");
  EXPECT_EQ(text("2001:db8::53"), "2001:db8::53 53");
  EXPECT_EQ(text("fe80::1%eth0"), "fe80::1 53");
  EXPECT_EQ(text("[fe80::1%eth0]:54"), "fe80::1 54");
  for (const char* bad : {"", "name", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:99999", "[::1", "[::1]x"}) {
    EXPECT_EQ(text(bad), "error") << bad;
  }
}

}  // namespace
}  // namespace apisix::resolve
