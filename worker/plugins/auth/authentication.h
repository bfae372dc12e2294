// Authentication: what all auth plugins do once they know who the client is, or that it is nobody they know:
// attach the consumer, fall back to the anonymous one, challenge. A member of the plugin, made of its
// configuration.
#pragma once

#include <string>
#include <string_view>

#include "shared/format/json.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {

class Authentication {
 public:
  // `scheme`: of the challenge, as in `WWW-Authenticate: <scheme> realm="..."`.
  Authentication(const plugin::PluginInfo& info, std::string_view scheme, const format::Json& conf,
                 const plugin::BuildContext& context);

  bool hides_credentials() const { return hides_credentials_; }

  // Who has this value of the plugin's consumer_key; null: nobody.
  base::Ref<const plugin::ConsumerAuth> find(std::string_view key) const;
  // Why find() found nobody: `unknown_key`, or that no consumer uses this plugin at all.
  std::string_view why_not_found(std::string_view unknown_key) const;

  plugin::Outcome accept(plugin::Request& request, const base::Ref<const plugin::ConsumerAuth>& auth) const;
  // `message` is for the client; `reason`, when there is more to say, for the log alone. kPass: the request
  // goes on as the anonymous consumer's.
  plugin::Outcome refuse(plugin::Request& request, std::string_view message,
                         std::string_view reason = {}) const;

 private:
  plugin::Outcome challenge(plugin::Request& request, std::string_view message) const;

  const std::string_view plugin_;
  plugin::ConsumerBook& consumers_;
  const std::string challenge_;
  const std::string anonymous_consumer_;  // empty: none
  const bool hides_credentials_;
};

}  // namespace apisix::plugins
