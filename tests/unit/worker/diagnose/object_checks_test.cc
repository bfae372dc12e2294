#include "worker/diagnose/object_checks.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/unit/shared/base/test_keys.h"
#include "worker/plugins/catalog.h"

namespace apisix::diagnose {
namespace {

using resource::Kind;

format::Json json(std::string_view text) {
  return format::parse_json(text).value();
}

class ObjectChecksTest : public testing::Test {
 protected:
  // "code: text" of what is found.
  std::set<std::string> check(Kind kind, std::string_view text, std::int64_t now_s = 0) {
    Findings findings;
    ObjectChecks{plugins_, keyring_, now_s, findings}.check(kind, "1", json(text));
    std::set<std::string> out;
    const format::Json report = findings.to_json();
    for (const format::Json& row : report["findings"]) {
      out.insert(row["severity"].asString() + " " + row["code"].asString() + ": " + row["text"].asString());
    }
    return out;
  }

  base::Keyring keyring_{{"edd1c9f0985e76a2"}};
  plugin::PluginSet plugins_{plugins::catalog(), {"cors", "not-of-this-build"}};
};

using Found = std::set<std::string>;

TEST_F(ObjectChecksTest, PluginsThatDoNotRun) {
  EXPECT_EQ(check(Kind::kPluginConfig, R"({"plugins":{"cors":{}}})"), Found{});
  EXPECT_EQ(check(Kind::kPluginConfig, R"({"plugins":{"echo":{}}})"),
            Found{"warning plugin-not-enabled: echo does not run"});
  EXPECT_EQ(
      check(Kind::kGlobalRule, R"({"plugins":{"not-of-this-build":{}}})"),
      Found{"error plugin-not-built: not-of-this-build is enabled, and not part of this build: what uses it "
            "answers 503"});
  EXPECT_EQ(check(Kind::kPluginConfig, R"({"plugins":{"echo":{"_meta":{"disable":true}}}})"), Found{});
  EXPECT_EQ(check(Kind::kPluginConfig, R"({"plugins":{"cors":{"disable":true}}})"),
            Found{"warning plugin-disable-ignored: `disable` of cors has had no effect since APISIX 3.0"});
}

TEST_F(ObjectChecksTest, UpstreamsWithoutNodes) {
  const Found none{"error upstream-without-nodes: it has no nodes: requests are answered with 503"};
  EXPECT_EQ(check(Kind::kUpstream, R"({"nodes":{}})"), none);
  EXPECT_EQ(check(Kind::kUpstream, R"({"nodes":[]})"), none);
  EXPECT_EQ(check(Kind::kService, R"({"upstream":{"type":"chash"}})"), none);
  EXPECT_EQ(check(Kind::kService, R"({"upstream_id":"1"})"), Found{});
  EXPECT_EQ(check(Kind::kUpstream, R"({"service_name":"a","discovery_type":"dns"})"), Found{});
  EXPECT_EQ(check(Kind::kUpstream, R"({"nodes":{"a:1":1}})"), Found{});
}

TEST_F(ObjectChecksTest, ComparisonsWithoutOperator) {
  EXPECT_EQ(check(Kind::kRoute, R"({"vars":[["arg_a","==","1"]]})"), Found{});
  EXPECT_EQ(check(Kind::kRoute, R"({"vars":["OR",["arg_a","==","1"],["arg_b","!","==","1"]]})"), Found{});
  EXPECT_EQ(check(Kind::kRoute, R"({"vars":["OR",["arg_a","==","1"],["arg_b","1"]]})").size(), 1u);
}

TEST_F(ObjectChecksTest, CertificatesThatCannotBeRead) {
  EXPECT_EQ(check(Kind::kSsl, R"({"cert":"nonsense"})"),
            Found{"error certificate-unreadable: not a certificate in PEM"});
  EXPECT_EQ(check(Kind::kSsl, R"({"cert":"$secret://vault/1/a/b"})"), Found{});
}

// As a store may hold them that other versions write.
TEST_F(ObjectChecksTest, KeysOfOtherCertificates) {
  constexpr std::int64_t kInTime = 1'900'000'000;
  const auto pair = [](std::string_view cert, std::string key) {
    format::Json ssl(::Json::objectValue);
    ssl["cert"] = std::string(cert);
    ssl["key"] = std::move(key);
    return ssl;
  };
  const auto checked = [&](const format::Json& ssl) {
    return check(Kind::kSsl, format::to_json(ssl), kInTime);
  };
  const std::string own(base::kRsaPrivate);
  const std::string other(base::kP256Private);
  EXPECT_EQ(checked(pair(base::kRsaCertificate, own)), Found{});
  EXPECT_EQ(checked(pair(base::kRsaCertificate, keyring_.encrypt_pem(own))), Found{});
  EXPECT_EQ(checked(pair(base::kRsaCertificate, "$env://KEY")), Found{});
  const Found mismatch{
      "error key-of-other-certificate: the private key at /key does not belong to the certificate at /cert: "
      "handshakes fail"};
  EXPECT_EQ(checked(pair(base::kRsaCertificate, other)), mismatch);
  EXPECT_EQ(checked(pair(base::kRsaCertificate, keyring_.encrypt_pem(other))), mismatch);
  EXPECT_EQ(checked(pair(base::kRsaCertificate, "-----BEGIN PRIVATE KEY-----")),
            Found{"error private-key-unreadable: the private key at /key is none in PEM"});
  EXPECT_EQ(
      checked(pair(base::kRsaCertificate, base::Keyring({"0123456789abcdef"}).encrypt_pem(own))),
      Found{"error private-key-unreadable: the private key at /key was encrypted with a key that is not in "
            "the keyring"});
  format::Json many = pair(base::kRsaCertificate, own);
  many["certs"][0] = std::string(base::kSm2Certificate);
  many["keys"][0] = std::string(base::kOtherSm2Private);
  EXPECT_EQ(checked(many),
            Found{"error key-of-other-certificate: the private key at /keys/0 does not belong to "
                  "the certificate at /certs/0: handshakes fail"});
  many["keys"][0] = std::string(base::kSm2Private);
  EXPECT_EQ(checked(many), Found{});
}

TEST_F(ObjectChecksTest, ClientCertificatesOfUpstreams) {
  format::Json upstream = json(R"({"nodes":{"a:1":1}})");
  upstream["tls"]["client_cert"] = std::string(base::kRsaCertificate);
  upstream["tls"]["client_key"] = std::string(base::kP256Private);
  format::Json route(::Json::objectValue);
  route["upstream"] = upstream;
  constexpr std::int64_t kInTime = 1'900'000'000;
  EXPECT_EQ(check(Kind::kUpstream, format::to_json(upstream), kInTime),
            Found{"error key-of-other-certificate: the private key at /tls/client_key does not belong to the "
                  "certificate at /tls/client_cert: handshakes fail"});
  EXPECT_EQ(
      check(Kind::kRoute, format::to_json(route), kInTime),
      Found{"error key-of-other-certificate: the private key at /upstream/tls/client_key does not belong to "
            "the certificate at /upstream/tls/client_cert: handshakes fail"});
}

TEST(ForEachNamed, FindsIdsHoweverDeep) {
  std::set<std::string> ids;
  const auto plugins =
      json(R"({"traffic-split":{"rules":[{"weighted_upstreams":[{"upstream_id":7},{"weight":1},
                                {"upstream_id":"b"}]}]},"other":{"upstream_id":"c"}})");
  for_each_named(plugins, "upstream_id", [&ids](const std::string& id) { ids.insert(id); });
  EXPECT_EQ(ids, (std::set<std::string>{"7", "b", "c"}));
}

TEST(Findings, AreBoundedAndCounted) {
  Findings findings;
  for (std::size_t i = 0; i < Findings::kListedMax + 5; ++i) {
    findings.add({Severity::kInfo, "unused", Kind::kUpstream, std::to_string(i), "t", "h"});
  }
  findings.add({Severity::kError, "rejected", Kind::kRoute, "9", "t", "h"});
  const format::Json report = findings.to_json();
  EXPECT_EQ(report["findings"].size(), Findings::kListedMax + 1);
  EXPECT_EQ(report["findings"][0]["code"].asString(), "rejected");  // the worst first
  EXPECT_EQ(report["counts"]["info"].asUInt(), Findings::kListedMax + 5);
  EXPECT_EQ(report["left_out"].asUInt(), 5u);
}

}  // namespace
}  // namespace apisix::diagnose
