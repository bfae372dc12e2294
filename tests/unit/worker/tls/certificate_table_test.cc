// CertificateTable with certificates that are made anew; secrets are of the environment.
#include "worker/tls/certificate_table.h"

#include <cstdlib>
#include <map>

#include <gtest/gtest.h>

#include "shared/client/http_client.h"
#include "shared/event/loop.h"
#include "tests/fakes/made_certificate.h"
#include "worker/limits.h"

namespace apisix::tls {
namespace {

using fakes::MadeCertificate;
using format::Json;

// One pair of keys for all tests: making them takes longest.
const MadeCertificate& pair_of(bool is_rsa) {
  static const MadeCertificate ec({});
  static const MadeCertificate rsa({.is_rsa = true});
  return is_rsa ? rsa : ec;
}

class CertificateTableTest : public testing::Test {
 protected:
  static Json object(const std::string& sni, const MadeCertificate& made = pair_of(false)) {
    Json out(::Json::objectValue);
    out["sni"] = sni;
    out["cert"] = made.certificate_pem();
    out["key"] = made.key_pem();
    return out;
  }
  // Keeps the text as its owner does: what was before only goes when the new one is taken.
  base::Status put(const std::string& id, const Json& value, std::int64_t created = 1) {
    auto text = std::make_unique<std::string>(format::to_json(value));
    if (auto status = table_.put(id, *text, created); !status) return status;
    texts_[id] = std::move(text);
    return {};
  }
  void erase(const std::string& id) {
    table_.erase(id);
    texts_.erase(id);
  }
  std::string id_of(std::string_view name) {
    const auto found = table_.find(name);
    return found ? (*found)->id() : found.error().what;
  }

  event::Loop loop_;
  client::HttpClient http_{loop_};
  secret::SecretCache secrets_{loop_, http_, {}};
  const base::Keyring keyring_{{"edd1c9f0985e76a2", "qeddd145sfvddff3"}};
  std::map<std::string, std::unique_ptr<std::string>> texts_;
  Stapler stapler_{loop_, http_};
  bool staples_ = true;
  CertificateTable table_{{secrets_, stapler_, keyring_, [this] { return staples_; }}};
};

TEST_F(CertificateTableTest, AnObjectServesItsName) {
  ASSERT_TRUE(put("1", object("Test.COM.")));
  EXPECT_EQ(id_of("test.com"), "1");
  EXPECT_EQ(id_of("www.test.com"), "failed to match any SSL certificate by SNI: www.test.com");
  EXPECT_EQ(table_.find("www.test.com").error().code, base::ErrorCode::kNotFound);
  erase("1");
  EXPECT_EQ(id_of("test.com"), "failed to match any SSL certificate by SNI: test.com");
}

TEST_F(CertificateTableTest, ANameBelowAWildcardIsRefusedWithTheWildcard) {
  ASSERT_TRUE(put("1", object("*.test2.com")));
  EXPECT_EQ(id_of("aa.bb.test2.com"),
            "failed to match any SSL certificate by SNI: aa.bb.test2.com, matched SNI: *.test2.com");
}

TEST_F(CertificateTableTest, SeveralNamesOfAnObjectEachServe) {
  Json several = object("");
  several.removeMember("sni");
  several["snis"].append("a.com");
  several["snis"].append("*.b.com");
  several["snis"].append("A.com.");
  ASSERT_TRUE(put("1", several));
  EXPECT_EQ(id_of("a.com"), "1");
  EXPECT_EQ(id_of("x.b.com"), "1");
  several["snis"].resize(0);
  several["snis"].append("c.com");
  ASSERT_TRUE(put("1", several));
  EXPECT_EQ(id_of("c.com"), "1");
  EXPECT_FALSE(table_.find("a.com"));
  EXPECT_FALSE(table_.find("x.b.com"));
}

TEST_F(CertificateTableTest, OfTwoObjectsTheOldestServesUntilItIsDeletedOrTurnedOff) {
  ASSERT_TRUE(put("2", object("a.com"), 2));
  ASSERT_TRUE(put("1", object("a.com"), 3));
  EXPECT_EQ(id_of("a.com"), "2");
  Json off = object("a.com");
  off["status"] = 0;
  ASSERT_TRUE(put("2", off, 2));
  EXPECT_EQ(id_of("a.com"), "1");
  ASSERT_TRUE(put("2", object("a.com"), 2));
  EXPECT_EQ(id_of("a.com"), "2");
  erase("2");
  EXPECT_EQ(id_of("a.com"), "1");
}

TEST_F(CertificateTableTest, AnObjectOfTypeClientServesNoNameAndIsFoundById) {
  Json client = object("a.com");
  client.removeMember("sni");
  client["type"] = "client";
  ASSERT_TRUE(put("1", client));
  EXPECT_FALSE(table_.find("a.com"));
  const auto found = table_.find_by_id("1");
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->certificates().size(), 1u);
  EXPECT_TRUE((*found)->is_client());
  EXPECT_EQ(table_.find_by_id("2").error().code, base::ErrorCode::kNotFound);
}

TEST_F(CertificateTableTest, AnObjectWithoutANameIsRefused) {
  Json nameless = object("");
  EXPECT_FALSE(put("1", nameless));
  nameless.removeMember("sni");
  EXPECT_FALSE(put("1", nameless));
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(CertificateTableTest, LongStringsAreSkippedAndReferencesAreNot) {
  const std::string longer(600, 'x');
  const std::string reference = "$secret://vault/1/" + longer;
  EXPECT_EQ(
      without_long_strings(R"({"a":"b\\\"","c":")" + longer + R"(","d":[")" + longer + R"(\""],"e":1})"),
      R"({"a":"b\\\"","c":"","d":[""],"e":1})");
  EXPECT_EQ(without_long_strings("[\"" + reference + "\"]"), "[\"" + reference + "\"]");
  EXPECT_EQ(without_long_strings("[\"a"), "[\"a");
  EXPECT_EQ(without_long_strings(""), "");
  EXPECT_FALSE(put("1", Json("text")));
}

TEST_F(CertificateTableTest, SeveralPairsAndProtocolsAreShown) {
  Json several = object("a.com", pair_of(true));
  several["certs"].append(pair_of(false).certificate_pem());
  several["keys"].append(keyring_.encrypt_pem(pair_of(false).key_pem()));
  several["ssl_protocols"].append("TLSv1.3");
  several["ssl_protocols"].append("TLSv1.1");
  ASSERT_TRUE(put("1", several));
  const auto found = table_.find("a.com");
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ((*found)->certificates().size(), 2u);
  EXPECT_EQ((*found)->protocols(), net::kTls11 | net::kTls13);
  several["keys"].resize(0);
  ASSERT_TRUE(put("2", several));
  EXPECT_EQ(table_.find_by_id("2").error().what,
            "failed to fetch ssl config: mismatched number of certs and keys");
}

TEST_F(CertificateTableTest, KeysAreDecryptedWithAnyKeyOfTheKeyring) {
  Json encrypted = object("a.com");
  encrypted["key"] = base::Keyring({"qeddd145sfvddff3"}).encrypt_pem(pair_of(false).key_pem());
  ASSERT_TRUE(put("1", encrypted));
  EXPECT_EQ(id_of("a.com"), "1");
  encrypted["key"] = base::Keyring({"0123456789abcdef"}).encrypt_pem(pair_of(false).key_pem());
  ASSERT_TRUE(put("2", encrypted));
  // "decrypt failed", but for one key in 256, which ends with what looks like padding and is no PEM.
  EXPECT_TRUE(table_.find_by_id("2").error().what.starts_with(
      "failed to fetch ssl config: failed to parse PEM priv key: "));
}

TEST_F(CertificateTableTest, WhatCannotBeParsedIsSaidAtItsFirstUse) {
  Json bad = object("a.com");
  bad["cert"] = "not PEM";
  ASSERT_TRUE(put("1", bad));
  EXPECT_EQ(id_of("a.com"),
            "failed to fetch ssl config: failed to parse PEM cert: PEM_read_bio_X509_AUX() failed");
  Json other_key = object("b.com");
  other_key["key"] = pair_of(true).key_pem();
  ASSERT_TRUE(put("2", other_key));
  EXPECT_EQ(id_of("b.com"), "failed to fetch ssl config: the private key does not belong to the certificate");
}

TEST_F(CertificateTableTest, ABadObjectDoesNotReplaceOneThatIsInUse) {
  ASSERT_TRUE(put("1", object("a.com")));
  const auto good = table_.find("a.com");
  ASSERT_TRUE(good);
  Json bad = object("b.com");
  bad["cert"] = "not PEM";
  EXPECT_FALSE(put("1", bad));
  EXPECT_EQ(table_.find("a.com").value(), *good);
  EXPECT_FALSE(table_.find("b.com"));
}

TEST_F(CertificateTableTest, TheSerialChangesWithWhatASessionIsBoundTo) {
  Json one = object("a.com");
  ASSERT_TRUE(put("1", one));
  const std::uint64_t serial = table_.find("a.com").value()->serial();
  one["desc"] = "another text";
  ASSERT_TRUE(put("1", one));
  EXPECT_EQ(table_.find("a.com").value()->serial(), serial);
  one["client"]["ca"] = pair_of(false).certificate_pem();
  ASSERT_TRUE(put("1", one));
  EXPECT_NE(table_.find("a.com").value()->serial(), serial);
  ASSERT_TRUE(put("2", object("b.com")));
  EXPECT_NE(table_.find("b.com").value()->serial(), serial);
}

TEST_F(CertificateTableTest, AClientPolicyHasItsAuthoritiesAndTheUrisItSkips) {
  Json one = object("*.a.com");
  ASSERT_TRUE(put("0", object("b.com")));
  EXPECT_FALSE(table_.has_client_policy("x.a.com"));
  one["client"]["ca"] = pair_of(false).certificate_pem() + pair_of(true).certificate_pem();
  one["client"]["depth"] = 3;
  ASSERT_TRUE(put("1", one));
  EXPECT_TRUE(table_.has_client_policy("X.a.com"));
  EXPECT_FALSE(table_.has_client_policy("b.com"));
  // No handshake can be for these, so no client has shown what a route with such a host may want.
  EXPECT_TRUE(table_.has_client_policy("y.x.a.com"));
  EXPECT_TRUE(table_.has_client_policy(std::string(256, 'x')));
  const auto found = table_.find("x.a.com");
  ASSERT_TRUE(found);
  ASSERT_NE((*found)->client_policy(), nullptr);
  EXPECT_EQ((*found)->client_policy()->depth(), 3u);
  EXPECT_TRUE((*found)->client_policy()->verifies_in_handshake());
  EXPECT_EQ(table_.find("b.com").value()->client_policy(), nullptr);
  one["client"]["skip_mtls_uri_regex"].append("/hello[0-9]+");
  ASSERT_TRUE(put("1", one));
  const ClientPolicy& policy = *table_.find("x.a.com").value()->client_policy();
  format::RegexBudget budget;
  EXPECT_FALSE(policy.verifies_in_handshake());
  EXPECT_TRUE(policy.skips("/hello12", budget));
  EXPECT_FALSE(policy.skips("/hello", budget));
  erase("1");
  EXPECT_FALSE(table_.has_client_policy("x.a.com"));
}

TEST_F(CertificateTableTest, ReferencesToTheEnvironmentStandForCertificates) {
  ::setenv("TABLE_TEST_CERT", pair_of(false).certificate_pem().c_str(), 1);
  Json one = object("a.com");
  one["cert"] = "$env://TABLE_TEST_CERT";
  ASSERT_TRUE(put("1", one));
  EXPECT_EQ(id_of("a.com"), "1");
  EXPECT_EQ(table_.built(), 0u);
  one["cert"] = "$env://TABLE_TEST_NOT_SET";
  ASSERT_TRUE(put("2", one, 2));
  EXPECT_EQ(table_.find_by_id("2").error().what, "failed to fetch ssl config: its secret cannot be resolved");
  // A reference that cannot be resolved leaves the last good certificate.
  const std::uint64_t serial = table_.find("a.com").value()->serial();
  ASSERT_TRUE(put("1", one));
  EXPECT_EQ(table_.find("a.com").value()->serial(), serial);
  erase("1");
  EXPECT_FALSE(table_.find("a.com"));
}

TEST_F(CertificateTableTest, ASecretThatIsBeingReadIsAMissThatMayBeRetried) {
  Json one = object("a.com");
  one["key"] = "$secret://vault/1/tls/key";
  ASSERT_TRUE(put("1", one));
  const auto pending = table_.find("a.com");
  ASSERT_FALSE(pending);
  EXPECT_EQ(pending.error().code, base::ErrorCode::kUnavailable);
  EXPECT_TRUE(pending.error().retryable);
  EXPECT_TRUE(table_.is_settling());
  for (int turn = 0; turn < 10; ++turn) loop_.run_once(0);
  EXPECT_EQ(id_of("a.com"), "failed to fetch ssl config: its secret cannot be resolved");
  EXPECT_FALSE(table_.is_settling());
}

TEST_F(CertificateTableTest, TheEndIsThatOfTheFirstCertificateToEnd) {
  const MadeCertificate soon({.ends_in_s = 60});
  Json several = object("a.com");
  ASSERT_TRUE(put("1", several));
  const std::int64_t later_s = table_.find_end("1").value();
  several["certs"].append(soon.certificate_pem());
  several["keys"].append(soon.key_pem());
  ASSERT_TRUE(put("1", several));
  EXPECT_LT(table_.find_end("1").value(), later_s);
  EXPECT_NEAR(static_cast<double>(table_.find_end("1").value()), static_cast<double>(::time(nullptr) + 60),
              30);
  EXPECT_EQ(table_.find("a.com").value()->ends_at_s(), table_.find_end("1").value());
  several["status"] = 0;
  ASSERT_TRUE(put("1", several));
  EXPECT_FALSE(table_.find_end("1"));
  Json bad = object("b.com");
  bad["cert"] = "not PEM";
  ASSERT_TRUE(put("2", bad));
  EXPECT_FALSE(table_.find_end("2"));
  ::setenv("TABLE_TEST_CERT", soon.certificate_pem().c_str(), 1);
  Json secret = object("c.com", soon);
  secret["cert"] = "$env://TABLE_TEST_CERT";
  ASSERT_TRUE(put("3", secret));
  EXPECT_FALSE(table_.find_end("3")) << "before its first use";
  ASSERT_TRUE(table_.find("c.com"));
  EXPECT_TRUE(table_.find_end("3"));
  EXPECT_FALSE(table_.find_end("4"));
}

TEST_F(CertificateTableTest, AnObjectWithStaplingIsBuiltAndFollowedAtOnce) {
  Json stapled = object("a.com");
  stapled["ocsp_stapling"]["enabled"] = true;
  ASSERT_TRUE(put("1", stapled));
  EXPECT_EQ(table_.built(), 1u);
  EXPECT_EQ(stapler_.followed(), 1u);
  stapled["ocsp_stapling"]["enabled"] = false;
  ASSERT_TRUE(put("1", stapled));
  EXPECT_EQ(stapler_.followed(), 0u);
  stapled["ocsp_stapling"]["enabled"] = true;
  ASSERT_TRUE(put("1", stapled));
  EXPECT_EQ(stapler_.followed(), 1u);
  staples_ = false;
  ASSERT_TRUE(put("1", stapled));
  EXPECT_EQ(stapler_.followed(), 0u) << "the plugin is not enabled any more";
  const MadeCertificate strict({.must_staple = true});
  ASSERT_TRUE(put("2", object("b.com", strict)));
  EXPECT_EQ(stapler_.followed(), 0u);
  ASSERT_TRUE(table_.find("b.com"));
  EXPECT_EQ(stapler_.followed(), 1u);
  erase("2");
  EXPECT_EQ(stapler_.followed(), 0u);
}

TEST_F(CertificateTableTest, OnlySoManyObjectsAreBuiltAtOnce) {
  const int count = static_cast<int>(limits::kIdentitiesMax) + 2;
  const Json made = object("");
  for (int i = 0; i < count; ++i) {
    Json one = made;
    one["sni"] = std::to_string(i) + ".com";
    ASSERT_TRUE(put(std::to_string(i), one));
    ASSERT_EQ(id_of(std::to_string(i) + ".com"), std::to_string(i));
  }
  EXPECT_EQ(table_.built(), limits::kIdentitiesMax);
  EXPECT_EQ(id_of("0.com"), "0");
  EXPECT_EQ(table_.built(), limits::kIdentitiesMax);
  for (int i = 0; i < count; ++i) erase(std::to_string(i));
  EXPECT_EQ(table_.built(), 0u);
}

}  // namespace
}  // namespace apisix::tls
