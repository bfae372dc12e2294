// The secrets managers that can be asked: HashiCorp Vault, AWS Secrets Manager, Google Cloud Secret Manager.
// Each is one call (or a few) that waits; nothing is remembered here but Google's access tokens.
//
// Errors say whether the manager responded: kNotFound means that there is no such value, or that it may not
// be read; any other error means unknown, and that a retry is allowed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "shared/async/signal.h"
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
  GoogleSecrets(event::Loop& loop, client::HttpClient& http)
      : http_(http), clock_(loop.clock()), asked_(loop) {}

  async::Task<base::Result<Json>> read(Json conf, std::string key);

 private:
  struct Token {
    std::string authorization;  // "Bearer ..."
    std::int64_t ends_at = 0;   // seconds since the epoch
  };

  // "Bearer ...". Calls that come while a token is being fetched wait for that one.
  async::Task<base::Result<std::string>> authorize(const Json& account, bool verify_tls);
  async::Task<base::Result<Token>> ask_for_token(const Json& account, bool verify_tls);

  client::HttpClient& http_;
  const base::Clock& clock_;
  std::map<std::string, Token> tokens_;  // by account and project
  std::set<std::string> asking_;         // for a token, by the same
  async::Signal asked_;
};

// The three, by name.
class Sources {
 public:
  Sources(event::Loop& loop, client::HttpClient& http)
      : http_(http), clock_(loop.clock()), google_(loop, http) {}

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
// What a response with a status other than 200 means. The body is left out: it may hold what must not be
// logged.
std::unexpected<base::Error> refused(std::string_view manager, unsigned status);
// A member of the JSON object in `text`.
base::Result<Json> member_of(const std::string& text, const std::string& name);

}  // namespace apisix::secret
