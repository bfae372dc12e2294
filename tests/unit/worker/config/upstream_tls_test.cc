// UpstreamTls: which context an upstream's nodes get, and what is said of a certificate that cannot be shown.
#include "worker/config/upstream_tls.h"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "shared/net/tls_client_contexts.h"
#include "shared/settings/settings.h"
#include "tests/unit/shared/net/tls_node.h"
#include "worker/tls/identity_source.h"

namespace apisix::config {
namespace {

using resource::Scheme;
using settings::VerifyUpstreams;

// One object, which a test may replace or take away.
class StoredCertificate final : public tls::IdentitySource {
 public:
  base::Result<base::Ref<const tls::Identity>> find(std::string_view) override { return unknown(); }
  bool has_client_policy(std::string_view) const override { return false; }
  base::Result<base::Ref<const tls::Identity>> find_by_id(std::string_view id) override {
    if (id != "1" || !identity_) return unknown();
    return identity_;
  }

  void store(std::uint64_t serial, bool is_client = true) {
    const net::TlsNode node("gateway.test");
    tls::IdentityParts parts{.id = "1", .serial = serial, .is_client = is_client};
    parts.certificates.push_back(
        {.certificate = *net::TlsCertificate::from_pem(node.certificate_pem(), node.key_pem())});
    identity_ = base::Ref<const tls::Identity>(new tls::Identity(std::move(parts)));
  }
  void take_away() { identity_ = nullptr; }

 private:
  static std::unexpected<base::Error> unknown() {
    return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kStore, "there is none");
  }

  base::Ref<const tls::Identity> identity_;
};

class UpstreamTlsTest : public testing::Test {
 protected:
  UpstreamTlsMaker& maker(VerifyUpstreams verify = VerifyUpstreams::kNever) {
    maker_ = std::make_unique<UpstreamTlsMaker>(UpstreamTlsOptions{.contexts = &contexts_,
                                                                   .ca_file = "",
                                                                   .verify = verify,
                                                                   .keyring = keyring_,
                                                                   .certificates = &stored_});
    return *maker_;
  }
  static resource::Upstream upstream(resource::UpstreamTls tls, Scheme scheme = Scheme::kHttps) {
    resource::Upstream out;
    out.scheme = scheme;
    out.tls = std::make_shared<const resource::UpstreamTls>(std::move(tls));
    return out;
  }
  resource::UpstreamTls shown() const {
    resource::UpstreamTls out;
    out.client_cert_pem = node_.certificate_pem();
    out.client_key_pem = node_.key_pem();
    return out;
  }
  static std::string error_of(UpstreamTls& tls) {
    const auto context = tls.context();
    return context ? "" : context.error().what;
  }

  net::TlsClientContexts contexts_;
  const base::Keyring keyring_{{"qeddd145sfvddff3"}};
  net::TlsNode node_{"gateway.test"};
  StoredCertificate stored_;
  std::unique_ptr<UpstreamTlsMaker> maker_;
};

TEST_F(UpstreamTlsTest, ObjectsThatWantTheSameShareAContext) {
  UpstreamTlsMaker& maker = this->maker();
  const auto plain = maker.of(resource::Upstream{});
  const auto other = maker.of(resource::Upstream{});
  const auto first = maker.of(upstream(shown()));
  const auto same = maker.of(upstream(shown()));
  ASSERT_TRUE(plain->context() && first->context());
  EXPECT_EQ(*plain->context(), *other->context());
  EXPECT_EQ(*first->context(), *same->context());
  EXPECT_NE(*first->context(), *plain->context());
  EXPECT_FALSE((*first->context())->options().verify);
}

TEST_F(UpstreamTlsTest, CertificateCountsOnlyWhereTheSchemeSpeaksTls) {
  UpstreamTlsMaker& maker = this->maker();
  EXPECT_EQ((*maker.of(upstream(shown(), Scheme::kHttp))->context())->options().shown, "");
  EXPECT_NE((*maker.of(upstream(shown(), Scheme::kGrpcs))->context())->options().shown, "");
}

TEST_F(UpstreamTlsTest, EncryptedKeyIsDecrypted) {
  resource::UpstreamTls tls = shown();
  tls.client_key_pem = keyring_.encrypt_pem(tls.client_key_pem);
  ASSERT_FALSE(tls.client_key_pem.starts_with("-----"));
  const auto made = maker().of(upstream(std::move(tls)));
  EXPECT_EQ(error_of(*made), "");
}

TEST_F(UpstreamTlsTest, WhatCannotBeShownIsSaidInApisixWords) {
  UpstreamTlsMaker& maker = this->maker();
  resource::UpstreamTls tls = shown();
  tls.client_cert_pem = std::string(200, 'x');
  EXPECT_EQ(error_of(*maker.of(upstream(tls))),
            "failed to set upstream: failed to parse PEM cert: PEM_read_bio_X509_AUX() failed");
  tls = shown();
  tls.client_key_pem = std::string(100, '!');
  EXPECT_EQ(error_of(*maker.of(upstream(tls))), "failed to set upstream: base64 decode ssl key failed");
  tls.client_key_pem = std::string(128, 'A');
  EXPECT_EQ(error_of(*maker.of(upstream(tls))), "failed to set upstream: decrypt ssl key failed");
}

TEST_F(UpstreamTlsTest, VerifiesByUpstreamOrAlwaysOrNever) {
  struct Case {
    VerifyUpstreams setting;
    bool of_object;
    bool verifies;
  };
  for (const Case& one : {Case{VerifyUpstreams::kNever, true, false},
                          {VerifyUpstreams::kByUpstream, false, false},
                          {VerifyUpstreams::kByUpstream, true, true},
                          {VerifyUpstreams::kAlways, false, true}}) {
    resource::UpstreamTls tls;
    tls.verify = one.of_object;
    const auto made = maker(one.setting).of(upstream(std::move(tls)));
    ASSERT_TRUE(made->context());
    EXPECT_EQ((*made->context())->options().verify, one.verifies);
    EXPECT_EQ((*made->context())->options().takes_bare_end, !one.verifies);
  }
}

TEST_F(UpstreamTlsTest, StoredCertificateIsFollowed) {
  resource::UpstreamTls tls;
  tls.client_cert_id = "1";
  const auto made = maker().of(upstream(std::move(tls)));
  EXPECT_EQ(error_of(*made), "failed to get ssl cert: ssl id [1] not exits");
  EXPECT_EQ(made->context().error().code, base::ErrorCode::kNotFound);
  stored_.store(1);
  const auto first = made->context();
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, *made->context());
  stored_.store(2);
  const auto second = made->context();
  ASSERT_TRUE(second);
  EXPECT_NE(*first, *second);
  stored_.store(3, /*is_client=*/false);
  EXPECT_EQ(error_of(*made), "failed to get ssl cert: ssl type should be 'client'");
  stored_.take_away();
  EXPECT_EQ(error_of(*made), "failed to get ssl cert: ssl id [1] not exits");
}

TEST_F(UpstreamTlsTest, WithoutContextsThereIsNoTls) {
  const UpstreamTlsMaker maker{UpstreamTlsOptions{}};
  EXPECT_EQ(error_of(*maker.of({})), "failed to set upstream: TLS is not available");
}

}  // namespace
}  // namespace apisix::config
