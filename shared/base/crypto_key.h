// Key pairs: signatures by the algorithms that JSON Web Signatures name (RFC 7518 3.1, RFC 8037). A key
// serves only algorithms of its own type and curve: which one is used is never for the signer to say.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"

struct evp_pkey_st;

namespace apisix::base {

enum class SignatureAlgorithm : std::uint8_t {
  kRs256,  // RSASSA-PKCS1-v1_5
  kRs384,
  kRs512,
  kPs256,  // RSASSA-PSS
  kPs384,
  kPs512,
  kEs256,  // ECDSA on P-256, signatures are r and s, each as long as the curve's order
  kEs384,  // on P-384
  kEs512,  // on P-521
  kEdDsa,  // Ed25519 or Ed448
};

// "RS256" ... "EdDSA", as "alg" writes them.
std::optional<SignatureAlgorithm> find_signature_algorithm(std::string_view name);

namespace detail {
struct FreeKey {
  void operator()(evp_pkey_st* key) const;
};
using Key = std::unique_ptr<evp_pkey_st, FreeKey>;
}  // namespace detail

class PublicKey {
 public:
  // PEM of a public key, of a certificate, or of a private key without a passphrase.
  static Result<PublicKey> from_pem(std::string_view pem);

  // False also when the key is none for the algorithm.
  bool verifies(SignatureAlgorithm algorithm, std::string_view text, std::string_view signature) const;

 private:
  explicit PublicKey(detail::Key key) : key_(std::move(key)) {}

  detail::Key key_;
};

class PrivateKey {
 public:
  // PEM without a passphrase.
  static Result<PrivateKey> from_pem(std::string_view pem);

  // kInvalid: the key is none for the algorithm.
  Result<std::string> sign(SignatureAlgorithm algorithm, std::string_view text) const;

 private:
  explicit PrivateKey(detail::Key key) : key_(std::move(key)) {}

  detail::Key key_;
};

}  // namespace apisix::base
