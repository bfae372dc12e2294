// Jwt: a signed JSON Web Token in its compact form (RFC 7519, RFC 7515), taken apart and verified. Pure: no
// clock, no configuration. The algorithm is a part of the key; what the token's header says must agree with
// it and decides nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/crypto_digest.h"
#include "shared/base/crypto_key.h"
#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::format {

class JwtKey {
 public:
  // `algorithm` as "alg" writes it. `key`: for HS256, HS384 and HS512 the secret's bytes, which are never
  // none; for the others a public key or certificate in PEM.
  static base::Result<JwtKey> make(std::string_view algorithm, std::string_view key);

  const std::string& algorithm() const { return algorithm_; }

 private:
  friend class Jwt;

  std::string algorithm_;
  std::string secret_;
  base::Digest digest_ = base::Digest::kSha256;
  base::SignatureAlgorithm signature_algorithm_ = base::SignatureAlgorithm::kRs256;
  std::optional<base::PublicKey> public_key_;  // none: HMAC with the secret
};

class Jwt {
 public:
  // Views `token`. The errors are APISIX's: "invalid jwt string", "invalid header: <its text>", "invalid
  // payload: <its text>". Header and payload are JSON objects in what is returned.
  static base::Result<Jwt> parse(std::string_view token);

  const Json& header() const { return header_; }
  const Json& payload() const { return payload_; }
  std::string_view signature() const { return signature_; }  // as it is written
  std::string_view payload_text() const { return payload_text_; }
  // Of the header; empty when there is none.
  std::string algorithm() const;

  // False also for another algorithm than the key's, and for extensions that must be understood ("crit").
  bool is_signed_with(const JwtKey& key) const;

 private:
  Json header_;
  Json payload_;
  std::string payload_text_;  // JSON, as it was signed
  std::string_view signed_text_;
  std::string_view signature_;
};

}  // namespace apisix::format
