// Google Cloud Secret Manager, as a service account: a signed assertion buys an access token (RFC 7523), the
// token reads secrets. https://cloud.google.com/secret-manager/docs/reference/rest
#include "shared/base/arena.h"
#include "shared/base/base64.h"
#include "shared/base/crypto_key.h"
#include "shared/base/file.h"
#include "shared/format/read.h"
#include "shared/http/uri.h"
#include "worker/secret/sources.h"

namespace apisix::secret {
namespace {

using format::find_member;

constexpr std::int64_t kAssertionSeconds = 3600;
constexpr std::int64_t kTokenSecondsMax = 86'400;  // it is asked for again each day at the latest
constexpr std::int64_t kTokenSpareSeconds = 60;
constexpr std::size_t kAccountFileBytesMax = 64 * 1024;

std::string text_or(const Json& object, const char* name, const char* otherwise) {
  const Json& value = find_member(object, name);
  return value.isString() ? format::string_of(value) : otherwise;
}

base::Result<Json> account_of(const Json& conf) {
  if (const Json& inline_account = find_member(conf, "auth_config"); inline_account.isObject()) {
    return inline_account;
  }
  const std::string path = format::string_of(find_member(conf, "auth_file"));
  const auto text = base::read_file(path, kAccountFileBytesMax);
  if (!text) return no_secret("cannot read the auth_file: " + text.error().what);
  auto account = format::parse_json(*text);
  if (!account || !account->isObject()) return no_secret("the auth_file " + path + " is no JSON object");
  for (const char* member : {"client_email", "private_key", "project_id"}) {
    if (!find_member(*account, member).isString())
      return no_secret("the auth_file " + path + " has no " + member);
  }
  return account;
}

std::string scopes_of(const Json& account) {
  const Json& scope = find_member(account, "scope");
  if (scope.isString()) return format::string_of(scope);
  std::string joined;
  for (const Json& one : scope) {
    if (one.isString()) joined += (joined.empty() ? "" : " ") + format::string_of(one);
  }
  return joined.empty() ? "https://www.googleapis.com/auth/cloud-platform" : joined;
}

std::string token_uri_of(const Json& account) {
  return text_or(account, "token_uri", "https://oauth2.googleapis.com/token");
}

base::Result<std::string> make_assertion(const Json& account, std::int64_t now) {
  const auto key = base::PrivateKey::from_pem(format::string_of(find_member(account, "private_key")));
  if (!key) return no_secret("the private_key of the service account cannot be used");
  Json claims(::Json::objectValue);
  claims["iss"] = find_member(account, "client_email");
  claims["aud"] = token_uri_of(account);
  claims["scope"] = scopes_of(account);
  claims["iat"] = ::Json::Int64(now);
  claims["exp"] = ::Json::Int64(now + kAssertionSeconds);
  const std::string text = base::encode_base64url(R"({"alg":"RS256","typ":"JWT"})") + "." +
                           base::encode_base64url(format::to_json(claims));
  const auto signature = key->sign(base::SignatureAlgorithm::kRs256, text);
  if (!signature) return no_secret("the private_key of the service account is no RSA key");
  return text + "." + base::encode_base64url(*signature);
}

client::HttpRequest token_request(const Json& account, const std::string& assertion) {
  client::HttpRequest request;
  request.method = "POST";
  request.url = token_uri_of(account);
  request.timeout_ms = kSecretTimeoutMs;
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.body = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + assertion;
  return request;
}

client::HttpRequest secret_request(const Json& account, const std::string& name,
                                   const std::string& authorization) {
  base::Arena arena;
  client::HttpRequest request;
  request.url =
      text_or(account, "entries_uri", "https://secretmanager.googleapis.com/v1") + "/projects/" +
      std::string(http::escape_component(format::string_of(find_member(account, "project_id")), arena)) +
      "/secrets/" + std::string(http::escape_component(name, arena)) + "/versions/latest:access";
  request.timeout_ms = kSecretTimeoutMs;
  request.headers.emplace_back("Content-Type", "application/json");
  request.headers.emplace_back("Authorization", authorization);
  return request;
}

base::Result<std::string> payload_of(const client::HttpResponse& response) {
  if (response.status != 200) return refused("gcp", response.status);
  const auto body = format::parse_json(response.body);
  const Json& data = body ? find_member(find_member(*body, "payload"), "data") : Json::nullSingleton();
  const auto payload = data.isString() ? base::decode_base64(format::string_of(data)) : std::nullopt;
  if (!payload) return no_secret("gcp's answer has no payload");
  return *payload;
}

}  // namespace

async::Task<base::Result<std::string>> GoogleSecrets::authorize(const Json& account, bool verify_tls) {
  const std::string key = format::string_of(find_member(account, "client_email")) + "#" +
                          format::string_of(find_member(account, "project_id"));
  while (asking_.contains(key)) co_await asked_.wait(kSecretTimeoutMs);
  if (const auto known = tokens_.find(key);
      known != tokens_.end() && clock_.wall_seconds() <= known->second.ends_at - kTokenSpareSeconds) {
    co_return known->second.authorization;
  }
  asking_.insert(key);
  const auto token = co_await ask_for_token(account, verify_tls);
  asking_.erase(key);
  asked_.notify();
  if (!token) co_return std::unexpected(token.error());
  tokens_[key] = *token;
  co_return token->authorization;
}

async::Task<base::Result<GoogleSecrets::Token>> GoogleSecrets::ask_for_token(const Json& account,
                                                                             bool verify_tls) {
  const auto assertion = make_assertion(account, clock_.wall_seconds());
  if (!assertion) co_return std::unexpected(assertion.error());
  client::HttpRequest request = token_request(account, *assertion);
  request.verify_tls = verify_tls;
  const auto response = co_await http_.send(std::move(request));
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) co_return refused("gcp's token endpoint", response->status);
  const auto body = format::parse_json(response->body);
  if (!body || !find_member(*body, "access_token").isString()) {
    co_return no_secret("gcp's token endpoint answered without a token");
  }
  const Json& seconds = find_member(*body, "expires_in");
  co_return Token{
      text_or(*body, "token_type", "Bearer") + " " + format::string_of(find_member(*body, "access_token")),
      clock_.wall_seconds() + format::clamped<std::int64_t>(seconds, 0, kTokenSecondsMax)};
}

async::Task<base::Result<Json>> GoogleSecrets::read(Json conf, std::string key) {
  const auto slash = key.find('/');
  const std::string name = key.substr(0, slash);
  if (name.empty()) co_return no_secret("can't find main key, key: " + key);
  const auto account = account_of(conf);
  if (!account) co_return std::unexpected(account.error());
  const Json& verify = find_member(conf, "ssl_verify");
  const bool verify_tls = !verify.isBool() || format::is_true(verify);
  const auto authorization = co_await authorize(*account, verify_tls);
  if (!authorization) co_return std::unexpected(authorization.error());
  client::HttpRequest request = secret_request(*account, name, *authorization);
  request.verify_tls = verify_tls;
  const auto response = co_await http_.send(std::move(request));
  if (!response) co_return std::unexpected(response.error());
  const auto payload = payload_of(*response);
  if (!payload) co_return std::unexpected(payload.error());
  if (slash == key.npos) co_return Json(*payload);
  co_return member_of(*payload, key.substr(slash + 1));
}

}  // namespace apisix::secret
