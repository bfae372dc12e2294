// HashiCorp Vault: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v1
#include "shared/base/arena.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/http/uri.h"
#include "worker/secret/sources.h"

namespace apisix::secret {
namespace {

using format::find_member;

// Below the prefix: a key cannot leave it.
base::Result<std::string> path_of(std::string_view prefix, std::string_view key) {
  base::Arena arena;
  std::string path = "/v1";
  for (const std::string_view part : {prefix, key}) {
    for (const std::string_view segment : base::split(part, '/')) {
      if (segment.empty() || segment == ".") continue;
      if (segment == "..") return no_secret("the path has a \"..\" in it");
      path.append("/").append(http::escape_component(segment, arena));
    }
  }
  return path;
}

// Version 2 wraps the fields once more, beside their metadata.
const Json& fields_of(const Json& data) {
  const Json& inner = find_member(data, "data");
  return inner.isObject() && find_member(data, "metadata").isObject() ? inner : data;
}

base::Result<Json> field_of(const client::HttpResponse& response, const std::string& field) {
  if (response.status != 200) return refused("vault", response.status);
  const auto body = format::parse_json(response.body);
  if (!body || !find_member(*body, "data").isObject()) {
    return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kUpstream,
                      "vault's answer is no JSON with data in it", true);
  }
  const Json& value = find_member(fields_of(find_member(*body, "data")), field);
  if (value.isNull()) return no_secret("the secret has no field " + field);
  return value;
}

}  // namespace

async::Task<base::Result<Json>> read_vault(client::HttpClient& http, Json conf, std::string key) {
  const auto slash = key.rfind('/');
  if (slash == key.npos) co_return no_secret("error key format, key: " + key);
  if (slash == 0) co_return no_secret("can't find main key, key: " + key);
  const std::string field = key.substr(slash + 1);
  if (field.empty()) co_return no_secret("can't find sub key, key: " + key);
  const auto path = path_of(format::string_of(find_member(conf, "prefix")), key.substr(0, slash));
  if (!path) co_return std::unexpected(path.error());
  client::HttpRequest request;
  request.url = format::string_of(find_member(conf, "uri")) + *path;
  request.timeout_ms = kSecretTimeoutMs;
  request.headers.emplace_back("X-Vault-Token",
                               expand_environment(format::string_of(find_member(conf, "token"))));
  if (const Json& name = find_member(conf, "namespace"); name.isString()) {
    request.headers.emplace_back("X-Vault-Namespace", format::string_of(name));
  }
  const auto response = co_await http.send(std::move(request));
  if (!response) co_return std::unexpected(response.error());
  co_return field_of(*response, field);
}

}  // namespace apisix::secret
