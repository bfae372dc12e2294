#include "shared/net/tls_chain.h"

#include <memory>

#include <openssl/x509v3.h>

#include "shared/base/check.h"
#include "shared/base/crypto_openssl.h"

namespace apisix::net {
namespace {

void free_chain(STACK_OF(X509) * chain) {
  sk_X509_pop_free(chain, X509_free);
}
using Chain = std::unique_ptr<STACK_OF(X509), base::Freed<free_chain>>;
using Verification = std::unique_ptr<X509_STORE_CTX, base::Freed<X509_STORE_CTX_free>>;

std::string name_text(const X509_NAME* name) {
  return base::written_by(
      [name](BIO* bio) { return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB); });
}

}  // namespace

base::Result<std::string> missing_issuer(std::string_view chain_pem, const TlsTrust& roots) {
  const base::Bio bio = base::bio_of(chain_pem);
  const Chain chain(sk_X509_new_null());
  const Verification context(X509_STORE_CTX_new());
  CHECK(chain != nullptr && context != nullptr);
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    sk_X509_push(chain.get(), next);
  }
  ERR_clear_error();
  if (sk_X509_num(chain.get()) == 0) return base::invalid("not a certificate in PEM");
  if (X509_STORE_CTX_init(context.get(), roots.store(), sk_X509_value(chain.get(), 0), chain.get()) != 1) {
    ERR_clear_error();
    return base::invalid("cannot check the chain");
  }
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context.get()), X509_V_FLAG_NO_CHECK_TIME);
  const bool is_verified = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  const int why = X509_STORE_CTX_get_error(context.get());
  const bool lacks_issuer = why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
                            why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
                            why == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
  const X509* last = X509_STORE_CTX_get_current_cert(context.get());
  if (is_verified || !lacks_issuer || last == nullptr) return std::string();
  return name_text(X509_get_issuer_name(last));
}

}  // namespace apisix::net
