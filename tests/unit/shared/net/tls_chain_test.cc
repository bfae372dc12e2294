#include "shared/net/tls_chain.h"

#include <gtest/gtest.h>

#include "tests/fakes/made_certificate.h"

namespace apisix::net {
namespace {

using fakes::MadeCertificate;

class TlsChainTest : public testing::Test {
 protected:
  std::string missing(const std::string& pem) const {
    const auto found = missing_issuer(pem, roots_);
    return found ? *found : "error: " + found.error().what;
  }

  const MadeCertificate root_{{.name = "root", .is_authority = true}};
  const MadeCertificate middle_{{.name = "middle", .is_authority = true}, &root_};
  const MadeCertificate leaf_{{}, &middle_};
  const TlsTrust roots_ = std::move(*TlsTrust::from_pem(root_.certificate_pem()));
};

TEST_F(TlsChainTest, AChainUpToARootThatIsKnownIsComplete) {
  EXPECT_EQ(missing(leaf_.certificate_pem() + middle_.certificate_pem()), "");
  EXPECT_EQ(missing(leaf_.certificate_pem() + middle_.certificate_pem() + root_.certificate_pem()), "");
  EXPECT_EQ(missing(middle_.certificate_pem()), "");
}

TEST_F(TlsChainTest, AnAuthorityThatIsMissingIsNamed) {
  EXPECT_EQ(missing(leaf_.certificate_pem()), "CN=middle");
  EXPECT_EQ(missing(leaf_.certificate_pem() + root_.certificate_pem()), "CN=middle");
  const MadeCertificate private_root({.name = "private", .is_authority = true});
  const MadeCertificate private_leaf({}, &private_root);
  EXPECT_EQ(missing(private_leaf.certificate_pem()), "CN=private");
}

TEST_F(TlsChainTest, ACertificateThatSignedItselfLacksNothing) {
  const MadeCertificate own({});
  EXPECT_EQ(missing(own.certificate_pem()), "");
  const MadeCertificate private_root({.name = "private", .is_authority = true});
  const MadeCertificate private_leaf({}, &private_root);
  EXPECT_EQ(missing(private_leaf.certificate_pem() + private_root.certificate_pem()), "");
}

TEST_F(TlsChainTest, TimesAreAnotherMatter) {
  const MadeCertificate old({.begins_in_s = -7200, .ends_in_s = -3600}, &middle_);
  EXPECT_EQ(missing(old.certificate_pem() + middle_.certificate_pem()), "");
}

TEST_F(TlsChainTest, WhatIsNoCertificateIsSaid) {
  EXPECT_EQ(missing("text"), "error: not a certificate in PEM");
}

}  // namespace
}  // namespace apisix::net
