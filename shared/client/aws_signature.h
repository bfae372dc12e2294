// AWS Signature Version 4: what a call to a service of AWS carries in its Authorization field
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace apisix::client {

struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty: none
};

struct AwsCall {
  std::string service;  // "secretsmanager"
  std::string region;
  std::string method = "POST";
  std::string host;        // as the Host field has it
  std::string path = "/";  // escaped once
  std::string query = {};  // canonical: sorted by name, escaped
  // Fields that are signed besides host and those that sign() adds; names in lower case.
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
};

// "20150830T123600Z"
std::string aws_date(std::int64_t wall_seconds);

// The fields to send: those of `call`, x-amz-date, x-amz-security-token if there is a session, and
// authorization; without host.
std::vector<std::pair<std::string, std::string>> sign(const AwsCall& call, const AwsCredentials& credentials,
                                                      std::int64_t wall_seconds);

}  // namespace apisix::client
