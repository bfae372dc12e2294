#include "worker/plugins/auth/authentication.h"

#include <fmt/format.h>

#include "shared/format/read.h"
#include "worker/plugin/request_log.h"

namespace apisix::plugins {

using format::find_member;

Authentication::Authentication(const plugin::PluginInfo& info, std::string_view scheme,
                               const format::Json& conf, const plugin::BuildContext& context)
    : plugin_(info.name),
      consumers_(context.world.consumers),
      challenge_(fmt::format("{} realm=\"{}\"", scheme, format::string_of(find_member(conf, "realm")))),
      anonymous_consumer_(format::string_of(find_member(conf, "anonymous_consumer"))),
      hides_credentials_(format::is_true(find_member(conf, "hide_credentials"))) {}

base::Ref<const plugin::ConsumerAuth> Authentication::find(std::string_view key) const {
  return consumers_.find(plugin_, key);
}

std::string_view Authentication::why_not_found(std::string_view unknown_key) const {
  return consumers_.has_any(plugin_) ? unknown_key : "Missing related consumer";
}

plugin::Outcome Authentication::accept(plugin::Request& request,
                                       const base::Ref<const plugin::ConsumerAuth>& auth) const {
  request.attach_consumer(auth);
  return plugin::pass();
}

plugin::Outcome Authentication::refuse(plugin::Request& request, std::string_view message,
                                       std::string_view reason) const {
  request.auth_failure = request.arena.copy(reason.empty() ? message : reason);
  if (!reason.empty() && !request.auth_is_tried) plugin::log_warn(request, "{}", reason);
  if (anonymous_consumer_.empty()) return challenge(request, message);
  if (const auto anonymous = consumers_.find_by_name(anonymous_consumer_)) {
    request.attach_consumer(anonymous);
    return plugin::pass();
  }
  const std::string missing = "failed to get anonymous consumer " + anonymous_consumer_;
  request.auth_failure = request.arena.copy(missing);
  if (!request.auth_is_tried) {
    plugin::log_error(request, "{} failed to authenticate the request, code: 401. error: {}", plugin_,
                      missing);
  }
  return challenge(request, "Invalid user authorization");
}

plugin::Outcome Authentication::challenge(plugin::Request& request, std::string_view message) const {
  request.set_response_header("WWW-Authenticate", challenge_);
  return request.reject_message(401, message);
}

}  // namespace apisix::plugins
