// OCSP for stapling: responses are made here, signed by the authority of the test or by another.
#include "shared/net/tls_ocsp.h"

#include <gtest/gtest.h>
#include <openssl/ocsp.h>

#include "tests/fakes/made_ocsp_response.h"

namespace apisix::net {
namespace {

using fakes::MadeCertificate;

constexpr const char* kUrl = "http://127.0.0.1:8888/ocsp";

class TlsOcspTest : public testing::Test {
 protected:
  static TlsCertificate with_chain(const MadeCertificate& made, const MadeCertificate& issuer) {
    auto parsed = TlsCertificate::from_pem(made.certificate_pem() + issuer.certificate_pem(), made.key_pem());
    EXPECT_TRUE(parsed) << parsed.error().what;
    return std::move(*parsed);
  }

  // "": it may be shown.
  std::string fault(const std::string& der, bool verifies = true) const {
    const auto checked = check_ocsp_response(der, certificate_, verifies);
    return checked ? "" : checked.error().what;
  }

  const MadeCertificate authority_{{.name = "authority", .is_authority = true}};
  const MadeCertificate other_authority_{{.name = "another", .is_authority = true}};
  const MadeCertificate made_{{.ocsp_url = kUrl}, &authority_};
  const TlsCertificate certificate_ = with_chain(made_, authority_);
};

TEST_F(TlsOcspTest, TheQuestionGoesToTheResponderOfTheCertificate) {
  const auto question = ocsp_question(certificate_);
  ASSERT_TRUE(question) << question.error().what;
  EXPECT_EQ(question->url, kUrl);
  const auto* at = reinterpret_cast<const unsigned char*>(question->request.data());
  OCSP_REQUEST* request = d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(question->request.size()));
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(OCSP_request_onereq_count(request), 1);
  OCSP_REQUEST_free(request);
}

TEST_F(TlsOcspTest, ThereIsNoQuestionWithoutAResponderOrAnIssuer) {
  const MadeCertificate no_responder({}, &authority_);
  EXPECT_EQ(ocsp_question(with_chain(no_responder, authority_)).error().what,
            "failed to get ocsp url: cert not contains authority_information_access extension");
  EXPECT_EQ(ocsp_question(with_chain(made_, other_authority_)).error().what,
            "failed to create ocsp request: no issuer certificate in chain");
}

TEST_F(TlsOcspTest, AGoodResponseSaysWhenTheNextOneComes) {
  const auto checked =
      check_ocsp_response(fakes::made_ocsp_response(made_, authority_, authority_, {}), certificate_, true);
  ASSERT_TRUE(checked) << checked.error().what;
  EXPECT_NEAR(static_cast<double>(checked->next_update_s), static_cast<double>(::time(nullptr) + 3600), 30);
}

TEST_F(TlsOcspTest, OtherStatesThanGoodAreShownOnlyUnverified) {
  const std::string revoked =
      fakes::made_ocsp_response(made_, authority_, authority_, {.status = V_OCSP_CERTSTATUS_REVOKED});
  const std::string unknown =
      fakes::made_ocsp_response(made_, authority_, authority_, {.status = V_OCSP_CERTSTATUS_UNKNOWN});
  EXPECT_EQ(fault(revoked), "certificate status \"revoked\" in the OCSP response");
  EXPECT_EQ(fault(unknown), "certificate status \"unknown\" in the OCSP response");
  EXPECT_EQ(fault(revoked, false), "");
  EXPECT_EQ(fault(unknown, false), "");
}

TEST_F(TlsOcspTest, AResponseOfAnotherSignerOrTimeOrCertificateIsRefused) {
  EXPECT_EQ(fault(fakes::made_ocsp_response(made_, authority_, other_authority_, {})),
            "OCSP_basic_verify() failed");
  EXPECT_EQ(fault(fakes::made_ocsp_response(made_, authority_, authority_,
                                            {.begins_in_s = -7200, .ends_in_s = -3600})),
            "OCSP_check_validity() failed");
  const MadeCertificate neighbour({.ocsp_url = kUrl}, &authority_);
  EXPECT_EQ(fault(fakes::made_ocsp_response(neighbour, authority_, authority_, {})),
            "certificate status not found in the OCSP response");
}

TEST_F(TlsOcspTest, WhatIsNoResponseIsNotShownEither) {
  EXPECT_EQ(fault("no DER", false), "d2i_OCSP_RESPONSE() failed");
  OCSP_RESPONSE* refusal = OCSP_response_create(OCSP_RESPONSE_STATUS_UNAUTHORIZED, nullptr);
  unsigned char* der = nullptr;
  const int bytes = i2d_OCSP_RESPONSE(refusal, &der);
  const std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes));
  OPENSSL_free(der);
  OCSP_RESPONSE_free(refusal);
  EXPECT_EQ(fault(text, false), "OCSP response not successful (unauthorized)");
}

TEST_F(TlsOcspTest, ACertificateThatMustBeStapledSaysSo) {
  const MadeCertificate strict({.must_staple = true}, &authority_);
  EXPECT_TRUE(with_chain(strict, authority_).must_staple());
  EXPECT_FALSE(certificate_.must_staple());
}

}  // namespace
}  // namespace apisix::net
