#include "worker/plugins/auth/auth_plugin.h"

#include <fmt/format.h>

#include "worker/plugin/request_log.h"

namespace apisix::plugins {

AuthPlugin::AuthPlugin(const plugin::PluginInfo& info, std::string_view scheme, const plugin::Conf& conf,
                       const plugin::BuildContext& context)
    : plugin_(info.name),
      consumers_(context.deps.consumers),
      challenge_(fmt::format("{} realm=\"{}\"", scheme, conf.text("realm"))),
      anonymous_consumer_(conf.text("anonymous_consumer")),
      hides_credentials_(conf.flag("hide_credentials")) {}

base::Ref<const plugin::ConsumerAuth> AuthPlugin::find(std::string_view key) const {
  return consumers_.find(plugin_, key);
}

std::string_view AuthPlugin::why_not_found(std::string_view unknown_key) const {
  return consumers_.has_any(plugin_) ? unknown_key : "Missing related consumer";
}

plugin::Outcome AuthPlugin::accept(plugin::Request& request,
                                   const base::Ref<const plugin::ConsumerAuth>& auth) const {
  request.identity().attach(auth);
  return plugin::pass();
}

plugin::Outcome AuthPlugin::refuse(plugin::Request& request, std::string_view message,
                                   std::string_view reason) const {
  request.identity().set_failure(reason.empty() ? message : reason);
  if (!reason.empty() && !request.identity().is_tried()) plugin::log_warn(request, "{}", reason);
  if (anonymous_consumer_.empty()) return challenge(request, message);
  if (const auto anonymous = consumers_.find_by_name(anonymous_consumer_)) {
    request.identity().attach(anonymous);
    return plugin::pass();
  }
  const std::string missing = "failed to get anonymous consumer " + anonymous_consumer_;
  request.identity().set_failure(missing);
  if (!request.identity().is_tried()) {
    plugin::log_error(request, "{} failed to authenticate the request, code: 401. error: {}", plugin_,
                      missing);
  }
  return challenge(request, "Invalid user authorization");
}

plugin::Outcome AuthPlugin::challenge(plugin::Request& request, std::string_view message) const {
  request.response().set_header("WWW-Authenticate", challenge_);
  return request.reject_message(401, message);
}

}  // namespace apisix::plugins
