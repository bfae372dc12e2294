#include "shared/base/crypto_key.h"

#include <array>
#include <limits>

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "shared/base/check.h"
#include "shared/base/crypto_openssl.h"

namespace apisix::base {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;

struct Algorithm {
  std::string_view name;
  const char* key_type;  // of OpenSSL
  const char* digest;    // null: the algorithm's own
  bool is_pss;
  const char* curve;       // of OpenSSL; null: none
  std::size_t half_bytes;  // of r and of s
};

constexpr std::array<Algorithm, 10> kAlgorithms = {{
    {"RS256", "RSA", "SHA256", false, nullptr, 0},
    {"RS384", "RSA", "SHA384", false, nullptr, 0},
    {"RS512", "RSA", "SHA512", false, nullptr, 0},
    {"PS256", "RSA", "SHA256", true, nullptr, 0},
    {"PS384", "RSA", "SHA384", true, nullptr, 0},
    {"PS512", "RSA", "SHA512", true, nullptr, 0},
    {"ES256", "EC", "SHA256", false, "prime256v1", 32},
    {"ES384", "EC", "SHA384", false, "secp384r1", 48},
    {"ES512", "EC", "SHA512", false, "secp521r1", 66},
    {"EdDSA", nullptr, nullptr, false, nullptr, 0},
}};

const Algorithm& info_of(SignatureAlgorithm algorithm) {
  return kAlgorithms[static_cast<std::size_t>(algorithm)];
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// What OpenSSL leaves in its queue would be taken for the fault of the next call.
std::unexpected<Error> failed(const char* what) {
  ERR_clear_error();
  return invalid(what);
}

template <typename Read>
auto read_pem(std::string_view pem, Read read) {
  const Bio bio = bio_of(pem);
  return read(bio.get());
}

detail::Key read_private_key(std::string_view pem) {
  return read_pem(pem, [](BIO* bio) {
    return detail::Key(PEM_read_bio_PrivateKey(bio, nullptr, no_passphrase, nullptr));
  });
}

detail::Key read_public_key(std::string_view pem) {
  return read_pem(
      pem, [](BIO* bio) { return detail::Key(PEM_read_bio_PUBKEY(bio, nullptr, no_passphrase, nullptr)); });
}

detail::Key read_key_of_certificate(std::string_view pem) {
  return read_pem(pem, [](BIO* bio) {
    const Certificate certificate(PEM_read_bio_X509(bio, nullptr, no_passphrase, nullptr));
    return certificate ? detail::Key(X509_get_pubkey(certificate.get())) : detail::Key();
  });
}

bool is_key_for(const EVP_PKEY* key, const Algorithm& algorithm) {
  if (algorithm.key_type == nullptr) {
    return EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "ED448") == 1;
  }
  if (EVP_PKEY_is_a(key, algorithm.key_type) != 1) return false;
  if (algorithm.curve == nullptr) return true;
  std::array<char, 64> name{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1) return false;
  return std::string_view(name.data(), size) == algorithm.curve;
}

bool set_padding(EVP_PKEY_CTX* context, const Algorithm& algorithm, int salt_bytes) {
  if (!algorithm.is_pss) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt_bytes) == 1;
}

// r and s side by side -> the form that OpenSSL wants.
std::optional<std::string> der_of_halves(std::string_view signature, std::size_t half_bytes) {
  if (signature.size() != 2 * half_bytes) return std::nullopt;
  const EcdsaSignature pair(ECDSA_SIG_new());
  Number r(BN_bin2bn(bytes_of(signature), static_cast<int>(half_bytes), nullptr));
  Number s(BN_bin2bn(bytes_of(signature.substr(half_bytes)), static_cast<int>(half_bytes), nullptr));
  CHECK(pair != nullptr && r != nullptr && s != nullptr);
  CHECK(ECDSA_SIG_set0(pair.get(), r.release(), s.release()) == 1);
  const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
  if (size <= 0) return std::nullopt;
  std::string der(static_cast<std::size_t>(size), '\0');
  auto* at = reinterpret_cast<unsigned char*>(der.data());
  i2d_ECDSA_SIG(pair.get(), &at);
  return der;
}

std::string halves_of_der(std::string_view der, std::size_t half_bytes) {
  const unsigned char* at = bytes_of(der);
  const EcdsaSignature pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  CHECK(pair != nullptr);
  std::string out(2 * half_bytes, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  const int half = static_cast<int>(half_bytes);
  CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), to, half) == half);
  CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), to + half_bytes, half) == half);
  return out;
}

}  // namespace

void detail::FreeKey::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

std::optional<SignatureAlgorithm> find_signature_algorithm(std::string_view name) {
  for (std::size_t i = 0; i < kAlgorithms.size(); ++i) {
    if (kAlgorithms[i].name == name) return static_cast<SignatureAlgorithm>(i);
  }
  return std::nullopt;
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  detail::Key key = read_public_key(pem);
  if (!key) key = read_key_of_certificate(pem);
  if (!key) key = read_private_key(pem);
  if (!key) return failed("not a key or certificate in PEM");
  ERR_clear_error();
  return PublicKey(std::move(key));
}

bool PublicKey::verifies(SignatureAlgorithm algorithm, std::string_view text,
                         std::string_view signature) const {
  const Algorithm& info = info_of(algorithm);
  if (!is_key_for(key_.get(), info)) return false;
  std::optional<std::string> der;
  if (info.half_bytes != 0) {
    der = der_of_halves(signature, info.half_bytes);
    if (!der) return false;
    signature = *der;
  }
  const Context context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  EVP_PKEY_CTX* key_context = nullptr;
  const bool verified = EVP_DigestVerifyInit_ex(context.get(), &key_context, info.digest, nullptr, nullptr,
                                                key_.get(), nullptr) == 1 &&
                        set_padding(key_context, info, RSA_PSS_SALTLEN_AUTO) &&
                        EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                                         text.size()) == 1;
  ERR_clear_error();
  return verified;
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  detail::Key key = read_private_key(pem);
  if (!key) return failed("not a private key in PEM");
  return PrivateKey(std::move(key));
}

Result<std::string> PrivateKey::sign(SignatureAlgorithm algorithm, std::string_view text) const {
  const Algorithm& info = info_of(algorithm);
  if (!is_key_for(key_.get(), info)) return invalid("the key is none for " + std::string(info.name));
  const Context context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  EVP_PKEY_CTX* key_context = nullptr;
  std::size_t size = 0;
  if (EVP_DigestSignInit_ex(context.get(), &key_context, info.digest, nullptr, nullptr, key_.get(),
                            nullptr) != 1 ||
      !set_padding(key_context, info, RSA_PSS_SALTLEN_DIGEST) ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(text), text.size()) != 1) {
    return failed("cannot sign");
  }
  std::string out(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes_of(text),
                     text.size()) != 1) {
    return failed("cannot sign");
  }
  out.resize(size);
  return info.half_bytes == 0 ? std::move(out) : halves_of_der(out, info.half_bytes);
}

}  // namespace apisix::base
