// jwt-auth: identifies the consumer by a JSON Web Token in a header field, a query argument or a cookie. The
// consumer's configuration, never the token, says how the token has to be signed.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "shared/base/base64.h"
#include "shared/base/log.h"
#include "shared/format/jwt.h"
#include "shared/format/read.h"
#include "shared/format/schema.h"
#include "shared/http/date.h"
#include "worker/plugin/plugin.h"
#include "worker/plugins/auth/auth_plugin.h"
#include "worker/plugins/auth/verified_tokens.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

bool is_hmac(std::string_view algorithm) {
  return algorithm.starts_with("HS");
}

// What a consumer's tokens must be signed with.
struct TokenKey final : plugin::PreparedAuth {
  explicit TokenKey(const Json& conf)
      : algorithm(format::string_of(find_member(conf, "algorithm"))),
        grace_seconds(format::number_of(find_member(conf, "lifetime_grace_period"))),
        key(make(conf, algorithm)) {}

  static base::Result<format::JwtKey> make(const Json& conf, const std::string& algorithm) {
    if (!is_hmac(algorithm))
      return format::JwtKey::make(algorithm, format::string_of(find_member(conf, "public_key")));
    const std::string secret = format::string_of(find_member(conf, "secret"));
    if (!format::is_true(find_member(conf, "base64_secret"))) return format::JwtKey::make(algorithm, secret);
    const auto decoded = base::decode_base64(secret);
    if (!decoded) return base::invalid("the secret is not in base64 format");
    return format::JwtKey::make(algorithm, *decoded);
  }

  // For VerifiedTokens; 0: none yet.
  std::uint64_t number(VerifiedTokens& verified) const {
    if (number_ == 0) number_ = verified.new_key();
    return number_;
  }

  const std::string algorithm;
  const double grace_seconds;
  const base::Result<format::JwtKey> key;

 private:
  mutable std::uint64_t number_ = 0;
};

std::string date_of(double seconds) {
  char text[http::kDateBytes];
  http::format_date(static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1e12)), text);
  return {text, http::kDateBytes};
}

// Why a point in time that a token names ("exp", "nbf") speaks against it; empty: it does not.
std::string claim_fault(const std::string& name, const Json& claim, double now, double grace_seconds) {
  if (!claim.isNumeric()) return "claim " + name + " is not a number";
  const double time = format::number_of(claim);
  if (name == "exp") {
    return time > now - grace_seconds ? "" : fmt::format("'exp' claim expired at {}", date_of(time));
  }
  return time <= now + grace_seconds ? "" : fmt::format("'nbf' claim not valid until {}", date_of(time));
}

class JwtAuth final : public AuthPlugin {
 public:
  static constexpr plugin::PluginInfo kInfo{
      .name = "jwt-auth", .priority = 2510, .is_auth = true, .consumer_key = "key"};

  static base::Status check(Json& conf, plugin::ConfScope scope) {
    if (scope != plugin::ConfScope::kConsumer) return {};
    const bool hmac = is_hmac(format::string_of(find_member(conf, "algorithm")));
    const Json& secret = find_member(conf, "secret");
    if (hmac && !secret.isString()) {
      return base::invalid("property \"secret\" is required when using HS based algorithms");
    }
    if (format::is_true(find_member(conf, "base64_secret")) && secret.isString() &&
        !format::is_secret_ref(format::string_of(secret)) &&
        !base::decode_base64(format::string_of(secret))) {
      return base::invalid("base64_secret required but the secret is not in base64 format");
    }
    if (!hmac && !find_member(conf, "public_key").isString())
      return base::invalid("missing valid public key");
    return {};
  }

  JwtAuth(const plugin::Conf& conf, const plugin::BuildContext& context)
      : AuthPlugin(kInfo, "Bearer", conf, context),
        header_(conf.text("header")),
        query_(conf.text("query")),
        cookie_(conf.text("cookie")),
        verified_(context.deps.shared<VerifiedTokens>()),
        key_claim_name_(conf.text("key_claim_name")),
        stores_payload_(conf.flag("store_in_ctx")),
        required_claims_(conf.list("claims_to_verify")) {}

  plugin::Step rewrite(plugin::Request& request) override {
    const auto token = take_token(request);
    if (!token) return refuse(request, "Missing JWT token in request");
    const auto jwt = format::Jwt::parse(*token);
    if (!jwt) return refuse(request, "JWT token invalid", "JWT token invalid: " + jwt.error().what);
    const Json& key = find_member(jwt->payload(), key_claim_name_);
    if (key.isNull()) return refuse(request, "missing user key in JWT token");
    const auto auth = key.isString() ? find(format::string_of(key)) : nullptr;
    if (!auth) {
      return refuse(request, "Invalid user key in JWT token",
                    fmt::format("failed to find consumer: {}", why_not_found("invalid user key")));
    }
    const std::string fault = fault_of(*token, *jwt, auth->prepared<TokenKey>(), request);
    if (!fault.empty()) {
      return refuse(request, "failed to verify jwt", "failed to verify jwt: " + fault);
    }
    if (stores_payload_) request.set_variable("jwt_auth_payload", jwt->payload_text());
    return accept(request, auth);
  }

 private:
  // The first of header, query and cookie that is there; taken out of the request if credentials are hidden.
  std::optional<std::string_view> take_token(plugin::Request& request) const {
    const bool hides = hides_credentials();
    if (auto token = request.headers().find(header_)) {
      if (hides) request.headers().remove(header_);
      if (token->starts_with("Bearer ") || token->starts_with("bearer ")) token->remove_prefix(7);
      return token;
    }
    if (const auto token = request.query().find(query_)) {
      if (hides) request.query().remove(query_);
      return token;
    }
    const auto token = request.headers().find_cookie(cookie_);
    if (token && hides) request.headers().remove_cookie(cookie_);
    return token;
  }

  // A secret is as quick to ask as the memory of it.
  bool is_signed(std::string_view token, const format::Jwt& jwt, const TokenKey& key) const {
    const auto verify = [&] { return jwt.is_signed_with(*key.key); };
    return is_hmac(key.algorithm) ? verify() : verified_.is_signed(token, key.number(verified_), verify);
  }

  // Empty: the token is good.
  std::string fault_of(std::string_view token, const format::Jwt& jwt, const TokenKey& key,
                       const plugin::Request& request) const {
    if (!key.key) return "the consumer's key cannot be used: " + key.key.error().what;
    if (jwt.algorithm() != key.algorithm) return "algorithm mismatch, expected " + key.algorithm;
    if (!is_signed(token, jwt, key)) return "signature mismatch: " + std::string(jwt.signature());
    const double now = static_cast<double>(request.clock().wall_seconds());
    if (required_claims_.empty()) {
      for (const char* name : {"nbf", "exp"}) {
        const Json& claim = find_member(jwt.payload(), name);
        if (!jwt.payload().isMember(name)) continue;
        if (auto fault = claim_fault(name, claim, now, key.grace_seconds); !fault.empty()) return fault;
      }
      return {};
    }
    for (const std::string& name : required_claims_) {
      if (!jwt.payload().isMember(name)) return "claim " + name + " is missing";
      auto fault = claim_fault(name, find_member(jwt.payload(), name), now, key.grace_seconds);
      if (!fault.empty()) return fault;
    }
    return {};
  }

  const std::string header_;
  const std::string query_;
  const std::string cookie_;
  VerifiedTokens& verified_;
  const std::string key_claim_name_;
  const bool stores_payload_;
  const std::vector<std::string> required_claims_;  // empty: exp and nbf, where the token has them
};

}  // namespace

const plugin::PluginKind& jwt_auth = plugin::define<JwtAuth>();

}  // namespace apisix::plugins
