// AWS Secrets Manager: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
#include "shared/client/aws_signature.h"
#include "shared/format/read.h"
#include "worker/secret/sources.h"

namespace apisix::secret {
namespace {

using format::find_member;

constexpr int kNamesTriedMax = 16;  // for one reference; a name has at most 512 bytes

// What of a configured address counts: "http://host:port".
std::string origin_of(const std::string& url) {
  const auto host = url.find("://");
  return host == url.npos ? url : url.substr(0, url.find('/', host + 3));
}

client::HttpRequest make_request(const Json& conf, const std::string& name, std::int64_t wall_seconds) {
  const Json& configured = find_member(conf, "region");
  const std::string region = configured.isString() ? format::string_of(configured) : "us-east-1";
  const Json& endpoint = find_member(conf, "endpoint_url");
  const std::string origin = endpoint.isString() ? origin_of(format::string_of(endpoint))
                                                 : "https://secretsmanager." + region + ".amazonaws.com";
  Json body(::Json::objectValue);
  body["SecretId"] = name;
  body["VersionStage"] = "AWSCURRENT";
  client::AwsCall call{
      .service = "secretsmanager", .region = region, .host = origin.substr(origin.find("://") + 3)};
  call.headers = {{"content-type", "application/x-amz-json-1.1"},
                  {"x-amz-target", "secretsmanager.GetSecretValue"}};
  call.body = format::to_json(body);
  const auto text = [&conf](const char* member) {
    return expand_environment(format::string_of(find_member(conf, member)));
  };
  client::HttpRequest request;
  request.method = "POST";
  request.url = origin + "/";
  request.timeout_ms = kSecretTimeoutMs;
  request.headers = client::sign(
      call, {text("access_key_id"), text("secret_access_key"), text("session_token")}, wall_seconds);
  request.body = std::move(call.body);
  return request;
}

bool says_not_found(const client::HttpResponse& response) {
  const auto body = format::parse_json(response.body);
  const Json& type = body ? find_member(*body, "__type") : Json::nullSingleton();
  return type.isString() && format::string_of(type).contains("ResourceNotFoundException");
}

base::Result<Json> value_of(const client::HttpResponse& response, const std::string& member) {
  const auto body = format::parse_json(response.body);
  if (!body) return no_secret("aws answered with no JSON");
  const Json& text = find_member(*body, "SecretString");
  if (!text.isString()) return no_secret("the secret holds no text");
  if (member.empty()) return text;
  return member_of(format::string_of(text), member);
}

}  // namespace

async::Task<base::Result<Json>> read_aws(client::HttpClient& http, const base::Clock& clock, Json conf,
                                         std::string key) {
  if (key.starts_with('/')) co_return no_secret("can't find main key, key: " + key);
  std::string name = key;
  for (int tried = 0; tried < kNamesTriedMax; ++tried) {
    const auto response = co_await http.send(make_request(conf, name, clock.wall_seconds()));
    if (!response) co_return std::unexpected(response.error());
    if (response->status == 200) {
      co_return value_of(*response, name.size() < key.size() ? key.substr(name.size() + 1) : "");
    }
    if (!says_not_found(*response)) co_return refused("aws", response->status);
    const auto slash = name.rfind('/');
    if (slash == name.npos) break;
    name.resize(slash);
  }
  co_return no_secret("aws knows no secret of that name");
}

}  // namespace apisix::secret
