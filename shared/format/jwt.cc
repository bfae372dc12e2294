#include "shared/format/jwt.h"

#include "shared/base/base64.h"
#include "shared/base/crypto.h"

namespace apisix::format {
namespace {

std::optional<base::Digest> digest_of_hmac(std::string_view algorithm) {
  if (algorithm == "HS256") return base::Digest::kSha256;
  if (algorithm == "HS384") return base::Digest::kSha384;
  if (algorithm == "HS512") return base::Digest::kSha512;
  return std::nullopt;
}

// Of a part of the token; its plain text goes to `text`.
base::Result<Json> parse_part(std::string_view part, const char* name, std::string& text) {
  const auto wrong = [&] { return base::invalid("invalid " + std::string(name) + ": " + std::string(part)); };
  auto decoded = base::decode_base64url(part);
  if (!decoded) return wrong();
  text = std::move(*decoded);
  auto json = parse_json(text);
  if (!json || !json->isObject()) return wrong();
  return json;
}

}  // namespace

base::Result<JwtKey> JwtKey::make(std::string_view algorithm, std::string_view key) {
  JwtKey out;
  out.algorithm_ = algorithm;
  if (const auto digest = digest_of_hmac(algorithm)) {
    if (key.empty()) return base::invalid("an empty secret signs nothing");
    out.digest_ = *digest;
    out.secret_ = key;
    return out;
  }
  const auto signature_algorithm = base::find_signature_algorithm(algorithm);
  if (!signature_algorithm) return base::invalid("unsupported algorithm: " + std::string(algorithm));
  out.signature_algorithm_ = *signature_algorithm;
  auto public_key = base::PublicKey::from_pem(key);
  if (!public_key) return std::unexpected(public_key.error());
  out.public_key_ = std::move(*public_key);
  return out;
}

base::Result<Jwt> Jwt::parse(std::string_view token) {
  const auto first = token.find('.');
  const auto second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) {
    return base::invalid("invalid jwt string");
  }
  Jwt jwt;
  std::string header_text;
  auto header = parse_part(token.substr(0, first), "header", header_text);
  if (!header) return std::unexpected(header.error());
  auto payload = parse_part(token.substr(first + 1, second - first - 1), "payload", jwt.payload_text_);
  if (!payload) return std::unexpected(payload.error());
  jwt.header_ = std::move(*header);
  jwt.payload_ = std::move(*payload);
  jwt.signed_text_ = token.substr(0, second);
  jwt.signature_ = token.substr(second + 1);
  return jwt;
}

std::string Jwt::algorithm() const {
  const Json& algorithm = find_member(header_, "alg");
  return algorithm.isString() ? algorithm.asString() : std::string();
}

bool Jwt::is_signed_with(const JwtKey& key) const {
  if (algorithm() != key.algorithm() || header_.isMember("crit")) return false;
  const auto signature = base::decode_base64url(signature_);
  if (!signature) return false;
  if (key.public_key_) return key.public_key_->verifies(key.signature_algorithm_, signed_text_, *signature);
  return base::equals_in_constant_time(base::hmac_of(key.digest_, key.secret_, signed_text_).view(),
                                       *signature);
}

}  // namespace apisix::format
