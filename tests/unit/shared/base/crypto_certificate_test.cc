// Expected texts are those of "openssl x509 -nameopt RFC2253", which nginx's variables follow.
#include "shared/base/crypto_certificate.h"

#include <gtest/gtest.h>

#include "tests/unit/shared/base/test_certificate.h"

namespace apisix::base {
namespace {

TEST(CertificateFields, OfACertificateAreTexts) {
  const auto read = CertificateFields::from_der(certificate_der());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->subject(), R"(CN=client one,O=Ex\C3\A4mple\, Inc.,C=DE)");
  EXPECT_EQ(read->issuer(), R"(CN=client one,O=Ex\C3\A4mple\, Inc.,C=DE)");
  EXPECT_EQ(read->subject_legacy(), R"(/C=DE/O=Ex\xC3\xA4mple, Inc./CN=client one)");
  EXPECT_EQ(read->issuer_legacy(), R"(/C=DE/O=Ex\xC3\xA4mple, Inc./CN=client one)");
  EXPECT_EQ(read->serial(), "0A1B2C");
  EXPECT_EQ(read->sha1(), "2e6b055ffcbc08b30150b6c870296763a4bec292");
  EXPECT_EQ(read->valid_from(), "Nov 30 20:53:43 2026 GMT");
  EXPECT_EQ(read->valid_until(), "Sep  2 20:53:43 2081 GMT");
  EXPECT_EQ(read->pem(), kCertificatePem);
}

TEST(CertificateFields, DaysLeftAreWholeOnes) {
  constexpr std::int64_t kDayS = 86'400;
  const auto read = CertificateFields::from_der(certificate_der());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->days_left(kCertificateEndS - 20'000 * kDayS), 20'000);
  EXPECT_EQ(read->days_left(kCertificateEndS - kDayS), 1);
  EXPECT_EQ(read->days_left(kCertificateEndS - kDayS + 1), 0);
  EXPECT_EQ(read->days_left(kCertificateEndS + 10 * kDayS), 0);
}

TEST(CertificateFields, OfOtherBytesAreNone) {
  EXPECT_FALSE(CertificateFields::from_der(""));
  EXPECT_FALSE(CertificateFields::from_der("no certificate"));
  const std::string der = certificate_der();
  EXPECT_FALSE(CertificateFields::from_der(std::string_view(der).substr(0, der.size() - 1)));
}

}  // namespace
}  // namespace apisix::base
