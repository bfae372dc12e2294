// The forms of nginx's $ssl_* variables.
#include "worker/plugin/tls_variables.h"

#include <gtest/gtest.h>

#include "tests/unit/shared/base/test_certificate.h"

namespace apisix::plugin {
namespace {

class ScriptedFacts final : public net::TlsFacts {
 public:
  std::string session_id() const override { return "0aff"; }
  bool is_early() const override { return early; }
  std::string curve() const override { return "X25519"; }
  std::string client_curves() const override { return "X25519:prime256v1"; }
  std::string client_ciphers() const override { return "TLS_AES_256_GCM_SHA384:0x2a2a"; }

  bool early = false;
};

class TlsVariablesTest : public ::testing::Test {
 protected:
  TlsVariablesTest() {
    info_.peer_certificate = der_;
    info_.facts = &facts_;
  }
  std::string read(std::string_view name, std::int64_t now_s = 0) {
    const auto variable = route::VariableName::parse(name);
    EXPECT_TRUE(route::is_of_tls(variable.kind)) << name;
    EXPECT_EQ(variable.to_string(), name);
    return tls_variable_text(info_, variable.kind, now_s);
  }

  const std::string der_ = base::certificate_der();
  ScriptedFacts facts_;
  net::TlsInfo info_{.sni = "a.test", .alpn = "h2", .version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384"};
};

TEST_F(TlsVariablesTest, SayWhatTheHandshakeAgreedOn) {
  EXPECT_EQ(read("ssl_server_name"), "a.test");
  EXPECT_EQ(read("ssl_alpn_protocol"), "h2");
  EXPECT_EQ(read("ssl_protocol"), "TLSv1.3");
  EXPECT_EQ(read("ssl_cipher"), "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(read("ssl_curve"), "X25519");
  EXPECT_EQ(read("ssl_curves"), "X25519:prime256v1");
  EXPECT_EQ(read("ssl_ciphers"), "TLS_AES_256_GCM_SHA384:0x2a2a");
  EXPECT_EQ(read("ssl_session_id"), "0aff");
}

TEST_F(TlsVariablesTest, SayWhetherTheSessionWasResumed) {
  EXPECT_EQ(read("ssl_session_reused"), ".");
  EXPECT_EQ(read("ssl_early_data"), "");
  info_.is_resumed = facts_.early = true;
  EXPECT_EQ(read("ssl_session_reused"), "r");
  EXPECT_EQ(read("ssl_early_data"), "1");
}

TEST_F(TlsVariablesTest, SayWhatTheClientsCertificateSays) {
  EXPECT_EQ(read("ssl_client_s_dn"), R"(CN=client one,O=Ex\C3\A4mple\, Inc.,C=DE)");
  EXPECT_EQ(read("ssl_client_i_dn"), R"(CN=client one,O=Ex\C3\A4mple\, Inc.,C=DE)");
  EXPECT_EQ(read("ssl_client_s_dn_legacy"), R"(/C=DE/O=Ex\xC3\xA4mple, Inc./CN=client one)");
  EXPECT_EQ(read("ssl_client_i_dn_legacy"), R"(/C=DE/O=Ex\xC3\xA4mple, Inc./CN=client one)");
  EXPECT_EQ(read("ssl_client_serial"), "0A1B2C");
  EXPECT_EQ(read("ssl_client_fingerprint"), "2e6b055ffcbc08b30150b6c870296763a4bec292");
  EXPECT_EQ(read("ssl_client_v_start"), "Nov 30 20:53:43 2026 GMT");
  EXPECT_EQ(read("ssl_client_v_end"), "Sep  2 20:53:43 2081 GMT");
  EXPECT_EQ(read("ssl_client_v_remain", base::kCertificateEndS - 3 * 86'400), "3");
  EXPECT_EQ(read("ssl_client_v_remain", base::kCertificateEndS + 1), "0");
}

TEST_F(TlsVariablesTest, GiveTheCertificateInThreeForms) {
  EXPECT_EQ(read("ssl_client_raw_cert"), base::kCertificatePem);
  const std::string folded = read("ssl_client_cert");
  EXPECT_TRUE(folded.starts_with("-----BEGIN CERTIFICATE-----\n\tMIIBvTCC")) << folded;
  EXPECT_TRUE(folded.ends_with("\n\t-----END CERTIFICATE-----")) << folded;
  const std::string escaped = read("ssl_client_escaped_cert");
  EXPECT_TRUE(escaped.starts_with("-----BEGIN%20CERTIFICATE-----%0AMIIBvTCC")) << escaped;
  EXPECT_TRUE(escaped.ends_with("%3D%0A-----END%20CERTIFICATE-----%0A")) << escaped;
  EXPECT_EQ(escaped.find_first_of("+/=\n "), std::string::npos);
}

TEST_F(TlsVariablesTest, SayWhetherTheCertificateIsTrusted) {
  EXPECT_EQ(read("ssl_client_verify"), "NONE");
  info_.peer_verified = "SUCCESS";
  EXPECT_EQ(read("ssl_client_verify"), "SUCCESS");
  info_.peer_verified = "FAILED:certificate has expired";
  EXPECT_EQ(read("ssl_client_verify"), "FAILED:certificate has expired");
}

TEST_F(TlsVariablesTest, OfAClientWithoutACertificateAreUnset) {
  info_.peer_certificate = {};
  EXPECT_EQ(read("ssl_client_verify"), "NONE");
  for (const char* name :
       {"ssl_client_cert", "ssl_client_raw_cert", "ssl_client_escaped_cert", "ssl_client_s_dn",
        "ssl_client_serial", "ssl_client_fingerprint", "ssl_client_v_remain"}) {
    EXPECT_EQ(read(name), "") << name;
  }
}

}  // namespace
}  // namespace apisix::plugin
