// The secrets managers that can be asked: HashiCorp Vault, AWS Secrets Manager, Google Cloud Secret Manager.
// Each is one call (or a few) that waits; nothing is remembered here but Google's access tokens.
//
// Errors say whether the manager answered: kNotFound means that there is no such value, or that it may not be
// read; everything else that nobody knows, and that it may be tried again.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "shared/async/task.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/client/http_client.h"
#include "shared/format/json.h"
#include "worker/secret/reference.h"

namespace apisix::secret {

using format::Json;

// KV of version 1, or the same path of version 2 with "data" in the prefix. The last segment of `key` is the
// field. 5 s.
async::Task<base::Result<Json>> read_vault(client::HttpClient& http, Json conf, std::string key);

// The whole secret, or a member of its JSON: names may have slashes, so the longest name is tried first, then
// one segment after the other goes to the member. `wall_seconds`: the time that calls are signed with.
async::Task<base::Result<Json>> read_aws(client::HttpClient& http, const base::Clock& clock, Json conf,
                                         std::string key);

// The latest version of the secret; behind a slash, a member of its JSON. Lives as long as the worker: access
// tokens are used until a minute before they end.
class GoogleSecrets {
 public:
  GoogleSecrets(client::HttpClient& http, const base::Clock& clock) : http_(http), clock_(clock) {}

  async::Task<base::Result<Json>> read(Json conf, std::string key);

 private:
  struct Token {
    std::string authorization;  // "Bearer ..."
    std::int64_t ends_at = 0;   // seconds since the epoch
  };

  async::Task<base::Result<std::string>> authorize(const Json& account, bool verify_tls);

  client::HttpClient& http_;
  const base::Clock& clock_;
  std::map<std::string, Token> tokens_;  // by account and project
};

// The three, by name.
class Sources {
 public:
  Sources(client::HttpClient& http, const base::Clock& clock)
      : http_(http), clock_(clock), google_(http, clock) {}

  static bool has(std::string_view manager);
  // `conf`: the stored object manager/id. Not for a manager that has() denies.
  async::Task<base::Result<Json>> read(const Reference& reference, Json conf);

 private:
  client::HttpClient& http_;
  const base::Clock& clock_;
  GoogleSecrets google_;
};

// --- what the three share

inline constexpr std::uint64_t kSecretTimeoutMs = 5'000;  // of one call
std::unexpected<base::Error> no_secret(std::string what);
// What an answer of a status other than 200 means. The body is not told: it may hold what must not be logged.
std::unexpected<base::Error> refused(std::string_view manager, unsigned status);
// A member of the JSON object in `text`.
base::Result<Json> member_of(const std::string& text, const std::string& name);

}  // namespace apisix::secret
