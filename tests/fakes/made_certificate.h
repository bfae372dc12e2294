// Certificates for tests, made anew: of an authority of the test's own, or signed by themselves.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

namespace apisix::fakes {

struct CertificateOptions {
  std::string name = "test.com";
  bool is_rsa = false;  // else ECDSA on P-256
  bool is_authority = false;
  long begins_in_s = -60;
  long ends_in_s = 3600;
  std::string ocsp_url = {};
  bool must_staple = false;
};

class MadeCertificate {
 public:
  explicit MadeCertificate(const CertificateOptions& options, const MadeCertificate* issuer = nullptr)
      : key_(options.is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), EVP_PKEY_free),
        certificate_(X509_new(), X509_free) {
    static long serial = 1;
    X509* const made = certificate_.get();
    const MadeCertificate& by = issuer != nullptr ? *issuer : *this;
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made), options.begins_in_s);
    X509_gmtime_adj(X509_getm_notAfter(made), options.ends_in_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(options.name.c_str()), -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(by.certificate_.get()));
    X509_set_pubkey(made, key_.get());
    if (options.is_authority) {
      add(NID_basic_constraints, "critical,CA:TRUE");
    } else {
      add(NID_subject_alt_name, "DNS:" + options.name);
    }
    if (!options.ocsp_url.empty()) add(NID_info_access, "OCSP;URI:" + options.ocsp_url);
    if (options.must_staple) add(NID_tlsfeature, "status_request");
    X509_sign(made, by.key_.get(), EVP_sha256());
  }

  std::string certificate_pem() const {
    return pem([this](BIO* bio) { PEM_write_bio_X509(bio, certificate_.get()); });
  }
  std::string key_pem() const {
    return pem([this](BIO* bio) {
      PEM_write_bio_PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  X509* certificate() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }

 private:
  void add(int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  template <typename Write>
  static std::string pem(Write write) {
    BIO* bio = BIO_new(BIO_s_mem());
    write(bio);
    char* text = nullptr;
    const long bytes = BIO_get_mem_data(bio, &text);
    std::string out(text, static_cast<std::size_t>(bytes));
    BIO_free(bio);
    return out;
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_;
};

}  // namespace apisix::fakes
