#include "shared/client/aws_signature.h"

#include <algorithm>
#include <ctime>

#include "shared/base/crypto_digest.h"

namespace apisix::client {
namespace {

using base::Digest;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";

std::string hash_of(const std::string& text) {
  return base::digest_of(Digest::kSha256, text).hex();
}

std::string signed_names(const Fields& fields) {
  std::string names;
  for (const auto& [name, value] : fields) names += (names.empty() ? "" : ";") + name;
  return names;
}

std::string canonical_request(const AwsCall& call, const Fields& fields) {
  std::string text = call.method + "\n" + call.path + "\n" + call.query + "\n";
  for (const auto& [name, value] : fields) text += name + ":" + value + "\n";
  return text + "\n" + signed_names(fields) + "\n" + hash_of(call.body);
}

// The key is bound to the day, the region and the service.
std::string signature(const AwsCall& call, const std::string& secret, const std::string& day,
                      const std::string& text) {
  std::string key = "AWS4" + secret;
  for (const std::string& part : {day, call.region, call.service, std::string("aws4_request")}) {
    key = std::string(base::hmac_of(Digest::kSha256, key, part).view());
  }
  return base::hmac_of(Digest::kSha256, key, text).hex();
}

}  // namespace

std::string aws_date(std::int64_t wall_seconds) {
  const std::time_t time = wall_seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

Fields sign(const AwsCall& call, const AwsCredentials& credentials, std::int64_t wall_seconds) {
  const std::string date = aws_date(wall_seconds);
  const std::string day = date.substr(0, date.find('T'));
  Fields fields = call.headers;
  fields.emplace_back("x-amz-date", date);
  if (!credentials.session_token.empty()) {
    fields.emplace_back("x-amz-security-token", credentials.session_token);
  }
  Fields canonical = fields;
  canonical.emplace_back("host", call.host);
  std::ranges::sort(canonical);
  const std::string scope = day + "/" + call.region + "/" + call.service + "/aws4_request";
  const std::string text = std::string(kAlgorithm) + "\n" + date + "\n" + scope + "\n" +
                           hash_of(canonical_request(call, canonical));
  fields.emplace_back("authorization",
                      std::string(kAlgorithm) + " Credential=" + credentials.access_key_id + "/" + scope +
                          ", SignedHeaders=" + signed_names(canonical) +
                          ", Signature=" + signature(call, credentials.secret_access_key, day, text));
  return fields;
}

}  // namespace apisix::client
