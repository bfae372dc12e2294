// ProbeTls: which certificate a probe shows.
#include "privileged-agent/jobs/probe_tls.h"

#include <string>

#include <gtest/gtest.h>

#include "privileged-agent/jobs/probe.h"
#include "shared/format/json.h"
#include "tests/unit/shared/net/tls_node.h"

namespace apisix::agent {
namespace {

class ProbeTlsTest : public testing::Test {
 protected:
  store::Item ssl(const std::string& type, const std::string& cert) const {
    format::Json value;
    value["type"] = type;
    value["cert"] = cert;
    value["key"] = node_.key_pem();
    store::Item out;
    out.key = "/apisix/ssls/7";
    out.value = format::to_json(value);
    return out;
  }
  static resource::UpstreamTls stored() {
    resource::UpstreamTls out;
    out.client_cert_id = "7";
    return out;
  }
  std::string shown(const resource::UpstreamTls& tls) {
    const auto context = tls_.context(/*verify=*/false, &tls);
    return context ? (*context)->options().shown : "error: " + context.error().what;
  }

  const net::TlsNode node_{"gateway.test"};
  ProbeTls tls_{"", base::Keyring({"qeddd145sfvddff3"})};
};

TEST_F(ProbeTlsTest, ShowsNothingByItself) {
  ASSERT_TRUE(tls_.context(/*verify=*/true, nullptr));
  EXPECT_TRUE((*tls_.context(/*verify=*/true, nullptr))->options().verify);
  EXPECT_EQ(shown({}), "");
}

TEST_F(ProbeTlsTest, ShowsTheUpstreamsOwnCertificate) {
  resource::UpstreamTls own;
  own.client_cert_pem = node_.certificate_pem();
  own.client_key_pem = node_.key_pem();
  EXPECT_TRUE(shown(own).starts_with("pem "));
  own.client_key_pem = base::Keyring({"qeddd145sfvddff3"}).encrypt_pem(own.client_key_pem);
  EXPECT_TRUE(shown(own).starts_with("pem ")) << "an encrypted key";
  own.client_key_pem = std::string(100, '!');
  EXPECT_TRUE(shown(own).starts_with("error: "));
}

TEST_F(ProbeTlsTest, ShowsAStoredCertificateOfTypeClient) {
  EXPECT_EQ(shown(stored()), "");
  EXPECT_TRUE(tls_.put(ssl("client", node_.certificate_pem())));
  EXPECT_TRUE(shown(stored()).starts_with("pem "));
  tls_.erase("/apisix/ssls/7");
  EXPECT_EQ(shown(stored()), "");
}

TEST_F(ProbeTlsTest, ServersCertificatesAndReferencesAreNotKept) {
  EXPECT_TRUE(tls_.put(ssl("client", node_.certificate_pem())));
  EXPECT_FALSE(tls_.put(ssl("server", node_.certificate_pem())));
  EXPECT_EQ(shown(stored()), "") << "it is a server's now";
  EXPECT_FALSE(tls_.put(ssl("client", "$env://CERTIFICATE")));
  EXPECT_EQ(shown(stored()), "");
}

TEST(ShownCertificateTest, EqualTextsAreEqual) {
  const auto of = [](const std::string& text) {
    resource::UpstreamTls tls;
    tls.client_cert_pem = text;
    return ShownCertificate{std::make_shared<const resource::UpstreamTls>(std::move(tls))};
  };
  EXPECT_EQ(of("a"), of("a"));
  EXPECT_FALSE(of("a") == of("b"));
  EXPECT_FALSE(of("a") == ShownCertificate{});
  EXPECT_EQ(ShownCertificate{}, ShownCertificate{});
}

}  // namespace
}  // namespace apisix::agent
