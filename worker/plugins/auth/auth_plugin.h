// AuthPlugin: base of the plugins that identify a consumer by what a request carries. It holds what they have
// in common once the credentials are read: looking the consumer up, attaching it, going on as the anonymous
// one, the challenge. They run in rewrite, alone or tried by multi-auth: then (Request::auth_is_tried) the
// reason of a rejection is left in the request instead of the log.
#pragma once

#include <string>
#include <string_view>

#include "worker/plugin/consumer.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {

class AuthPlugin : public plugin::Plugin {
 protected:
  // Reads realm, hide_credentials and anonymous_consumer. `scheme`: of the challenge, as in
  // `WWW-Authenticate: <scheme> realm="..."`.
  AuthPlugin(const plugin::PluginInfo& info, std::string_view scheme, const plugin::Conf& conf,
             const plugin::BuildContext& context);

  bool hides_credentials() const { return hides_credentials_; }

  // The consumer, or credential, with this value of the plugin's consumer_key; null: there is none.
  base::Ref<const plugin::ConsumerAuth> find(std::string_view key) const;
  // Why find() found none: `unknown_key`, or that no consumer uses this plugin at all.
  std::string_view why_not_found(std::string_view unknown_key) const;

  plugin::Outcome accept(plugin::Request& request, const base::Ref<const plugin::ConsumerAuth>& auth) const;
  // `message` is for the client; `reason`, when there is more to say, for the log alone. kPass: the request
  // goes on as the anonymous consumer's.
  plugin::Outcome refuse(plugin::Request& request, std::string_view message,
                         std::string_view reason = {}) const;
  // `outcome`, with the field of the credentials taken out of a request that goes on, where they are hidden.
  plugin::Outcome hide_header(plugin::Request& request, std::string_view name,
                              plugin::Outcome outcome) const {
    if (outcome == plugin::Outcome::kPass && hides_credentials_) request.headers().remove(name);
    return outcome;
  }

 private:
  plugin::Outcome challenge(plugin::Request& request, std::string_view message) const;

  const std::string_view plugin_;
  plugin::ConsumerDirectory& consumers_;
  const std::string challenge_;
  const std::string anonymous_consumer_;  // empty: none
  const bool hides_credentials_;
};

}  // namespace apisix::plugins
