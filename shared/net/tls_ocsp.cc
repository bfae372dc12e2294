#include "shared/net/tls_ocsp.h"

#include <memory>

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "shared/base/check.h"
#include "shared/base/crypto_openssl.h"

namespace apisix::net {
namespace {

using base::Freed;

void free_texts(STACK_OF(OPENSSL_STRING) * texts) {
  X509_email_free(texts);
}
void free_stack(STACK_OF(X509) * borrowed) {
  sk_X509_free(borrowed);
}
using Texts = std::unique_ptr<STACK_OF(OPENSSL_STRING), Freed<free_texts>>;
using Request = std::unique_ptr<OCSP_REQUEST, Freed<OCSP_REQUEST_free>>;
using Response = std::unique_ptr<OCSP_RESPONSE, Freed<OCSP_RESPONSE_free>>;
using Basic = std::unique_ptr<OCSP_BASICRESP, Freed<OCSP_BASICRESP_free>>;
using CertificateId = std::unique_ptr<OCSP_CERTID, Freed<OCSP_CERTID_free>>;
using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using Chain = std::unique_ptr<STACK_OF(X509), Freed<free_stack>>;

// Clocks of responders differ from ours by this much, as nginx allows.
constexpr long kClockSkewS = 300;

std::unexpected<base::Error> refused(std::string what) {
  ERR_clear_error();
  return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kUpstream, std::move(what));
}

base::Status check_signature(OCSP_BASICRESP* basic, const TlsCertificate& certificate) {
  const Store store(X509_STORE_new());
  const Chain chain(sk_X509_new_null());
  CHECK(store != nullptr && chain != nullptr);
  // The issuer is believed as it is: it may be an intermediate one.
  X509_STORE_add_cert(store.get(), certificate.issuer());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  sk_X509_push(chain.get(), certificate.issuer());
  if (OCSP_basic_verify(basic, chain.get(), store.get(), 0) == 1) return {};
  return refused("OCSP_basic_verify() failed");
}

}  // namespace

base::Result<OcspQuestion> ocsp_question(const TlsCertificate& certificate) {
  const Texts urls(X509_get1_ocsp(certificate.leaf()));
  if (!urls || sk_OPENSSL_STRING_num(urls.get()) == 0) {
    return refused("failed to get ocsp url: cert not contains authority_information_access extension");
  }
  X509* issuer = certificate.issuer();
  if (issuer == nullptr) {
    return refused("failed to create ocsp request: no issuer certificate in chain");
  }
  const Request request(OCSP_REQUEST_new());
  CHECK(request != nullptr);
  OCSP_CERTID* id = OCSP_cert_to_id(nullptr, certificate.leaf(), issuer);
  if (id == nullptr || OCSP_request_add0_id(request.get(), id) == nullptr) {
    OCSP_CERTID_free(id);
    return refused("failed to create ocsp request: OCSP_cert_to_id() failed");
  }
  unsigned char* der = nullptr;
  const int bytes = i2d_OCSP_REQUEST(request.get(), &der);
  if (bytes <= 0) return refused("failed to create ocsp request: i2d_OCSP_REQUEST() failed");
  OcspQuestion out{sk_OPENSSL_STRING_value(urls.get(), 0),
                   std::string(reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes))};
  OPENSSL_free(der);
  ERR_clear_error();
  return out;
}

base::Result<OcspResponse> check_ocsp_response(std::string_view der, const TlsCertificate& certificate,
                                               bool verifies) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const Response response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (!response) return refused("d2i_OCSP_RESPONSE() failed");
  const int status = OCSP_response_status(response.get());
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return refused(std::string("OCSP response not successful (") + OCSP_response_status_str(status) + ")");
  }
  const Basic basic(OCSP_response_get1_basic(response.get()));
  if (!basic || certificate.issuer() == nullptr) return refused("OCSP_response_get1_basic() failed");
  if (verifies) {
    if (auto signed_well = check_signature(basic.get(), certificate); !signed_well) {
      return std::unexpected(signed_well.error());
    }
  }
  const CertificateId id(OCSP_cert_to_id(nullptr, certificate.leaf(), certificate.issuer()));
  int certificate_status = V_OCSP_CERTSTATUS_UNKNOWN;
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  if (OCSP_resp_find_status(basic.get(), id.get(), &certificate_status, nullptr, nullptr, &this_update,
                            &next_update) != 1) {
    return refused("certificate status not found in the OCSP response");
  }
  if (verifies && certificate_status != V_OCSP_CERTSTATUS_GOOD) {
    return refused(std::string("certificate status \"") + OCSP_cert_status_str(certificate_status) +
                   "\" in the OCSP response");
  }
  if (verifies && OCSP_check_validity(this_update, next_update, kClockSkewS, -1) != 1) {
    return refused("OCSP_check_validity() failed");
  }
  OcspResponse out;
  const auto next_update_s = next_update != nullptr ? base::unix_time_of(next_update) : std::nullopt;
  if (next_update_s) out.next_update_s = *next_update_s;
  ERR_clear_error();
  return out;
}

}  // namespace apisix::net
