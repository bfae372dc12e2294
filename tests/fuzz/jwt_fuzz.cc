// Any bytes as a token, and as the payload of a token that is signed properly: what is signed with a key is
// told from what is not, and nothing that is not JSON comes through.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/base64.h"
#include "shared/base/check.h"
#include "shared/format/jwt.h"

namespace apisix::format {
namespace {

const JwtKey& key(std::string_view secret) {
  static const JwtKey right = *JwtKey::make("HS256", "the right one");
  static const JwtKey wrong = *JwtKey::make("HS256", "a wrong one");
  return secret == "right" ? right : wrong;
}

void check_token(std::string_view token) {
  const auto jwt = Jwt::parse(token);
  if (!jwt) {
    CHECK(jwt.error().what.starts_with("invalid "));
    return;
  }
  CHECK(jwt->header().isObject() && jwt->payload().isObject());
  CHECK(jwt->signature().data() + jwt->signature().size() == token.data() + token.size());
  // Both cannot be guessed.
  CHECK(!(jwt->is_signed_with(key("right")) && jwt->is_signed_with(key("wrong"))));
}

void check_payload(std::string_view payload) {
  const std::string text =
      base::encode_base64url(R"({"alg":"HS256"})") + "." + base::encode_base64url(payload);
  const auto mac = base::hmac_of(base::Digest::kSha256, "the right one", text);
  const std::string token = text + "." + base::encode_base64url(mac.view());
  const auto jwt = Jwt::parse(token);
  const auto json = parse_json(payload);
  CHECK(jwt.has_value() == (json.has_value() && json->isObject()));
  if (!jwt) return;
  CHECK(jwt->payload_text() == payload);
  CHECK(jwt->is_signed_with(key("right")) && !jwt->is_signed_with(key("wrong")));
  const std::string changed = text + "." + base::encode_base64url(mac.view().substr(1));
  CHECK(!Jwt::parse(changed)->is_signed_with(key("right")));
}

}  // namespace
}  // namespace apisix::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 2048) return 0;
  // Exactly sized, so that the sanitizer sees a read behind the end.
  const std::unique_ptr<char[]> exact(new char[size]);
  const std::string_view text(
      exact.get(), std::string_view(reinterpret_cast<const char*>(data), size).copy(exact.get(), size));
  apisix::format::check_token(text);
  apisix::format::check_payload(text);
  return 0;
}
