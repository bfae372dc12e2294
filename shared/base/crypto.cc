#include "shared/base/crypto.h"

#include <limits>
#include <memory>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "shared/base/check.h"
#include "shared/base/crypto_openssl.h"

namespace apisix::base {
namespace {

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

constexpr std::size_t kIvBytes = 16;

// What OpenSSL leaves in its queue would be taken for the fault of the next call.
std::unexpected<Error> failed(const char* what) {
  ERR_clear_error();
  return invalid(what);
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

const EVP_CIPHER* cipher_of(std::string_view key) {
  if (key.size() == 16) return EVP_aes_128_cbc();
  return key.size() == 32 ? EVP_aes_256_cbc() : nullptr;
}

Result<std::string> run_cipher(std::string_view key, std::string_view iv, std::string_view in,
                               bool encrypts) {
  const EVP_CIPHER* cipher = cipher_of(key);
  if (cipher == nullptr || iv.size() != kIvBytes) return invalid("a key of 16 or 32 bytes is needed");
  if (in.size() > std::numeric_limits<int>::max() - 2 * kIvBytes) return invalid("too long to encrypt");
  const CipherContext context(EVP_CIPHER_CTX_new());
  CHECK(context != nullptr);
  std::string out(in.size() + kIvBytes, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  int written = 0;
  int last = 0;
  if (EVP_CipherInit_ex(context.get(), cipher, nullptr, bytes_of(key), bytes_of(iv), encrypts ? 1 : 0) != 1 ||
      EVP_CipherUpdate(context.get(), to, &written, bytes_of(in), static_cast<int>(in.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), to + written, &last) != 1) {
    return failed(encrypts ? "cannot encrypt" : "cannot decrypt");
  }
  out.resize(static_cast<std::size_t>(written + last));
  return out;
}

Certificate first_certificate(BIO* bio) {
  return Certificate(PEM_read_bio_X509_AUX(bio, nullptr, no_passphrase, nullptr));
}

PrivateKey private_key(std::string_view pem) {
  const Bio bio = bio_of(pem);
  return PrivateKey(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
}

}  // namespace

bool equals_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<std::string> encrypt_aes_cbc(std::string_view key, std::string_view iv, std::string_view plain) {
  return run_cipher(key, iv, plain, true);
}

Result<std::string> decrypt_aes_cbc(std::string_view key, std::string_view iv, std::string_view encrypted) {
  return run_cipher(key, iv, encrypted, false);
}

Status check_certificate_pem(std::string_view pem) {
  const Bio bio = bio_of(pem);
  const Certificate first = first_certificate(bio.get());
  if (!first) return failed("PEM_read_bio_X509_AUX() failed");
  for (;;) {
    const Certificate next(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    if (next) continue;
    if (!is_end_of_pem()) return failed("PEM_read_bio_X509() failed");
    return {};
  }
}

Result<std::int64_t> certificate_end(std::string_view pem) {
  const Bio bio = bio_of(pem);
  const Certificate first = first_certificate(bio.get());
  const auto end_s = first ? unix_time_of(X509_get0_notAfter(first.get())) : std::nullopt;
  if (!end_s) return failed("not a certificate in PEM");
  return *end_s;
}

Status check_private_key_pem(std::string_view pem) {
  if (!private_key(pem)) return failed("PEM_read_bio_PrivateKey() failed");
  return {};
}

bool is_key_of_certificate(std::string_view key_pem, std::string_view certificate_pem) {
  const Bio bio = bio_of(certificate_pem);
  const Certificate certificate = first_certificate(bio.get());
  const PrivateKey key = private_key(key_pem);
  const bool is_pair = certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return is_pair;
}

}  // namespace apisix::base
