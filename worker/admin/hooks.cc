#include "worker/admin/hooks.h"

#include "worker/route/match_rule.h"

namespace apisix::admin {
namespace {

using format::Json;

base::Status check_vars(const Json& vars) {
  const auto rule = route::MatchRule::compile(vars);
  if (!rule) return std::unexpected(rule.error());
  return {};
}

// This build has no plugins: each that is named is unknown. Accepting one that cannot run would open routes
// that it was meant to guard.
resource::Validation check_plugins(Json& plugins, resource::PluginScope) {
  resource::Validation out;
  if (!plugins.isObject()) return out;
  for (const std::string& name : plugins.getMemberNames()) {
    const std::string text = "unknown plugin [" + name + "]";
    out.add(text, {.pointer = "/" + name,
                   .rule = "plugin",
                   .message = text,
                   .value = {},
                   .hint = "this version of the gateway does not have this plugin"});
  }
  return out;
}

}  // namespace

resource::ValidateHooks make_hooks() {
  resource::ValidateHooks hooks;
  hooks.check_vars = check_vars;
  hooks.check_plugins = check_plugins;
  hooks.check_filter_func = [](std::string_view) -> base::Status {
    return base::invalid("filter_func is not supported by this version of the gateway");
  };
  hooks.check_script = [](std::string_view) -> base::Status {
    return base::invalid("script is not supported by this version of the gateway");
  };
  return hooks;
}

}  // namespace apisix::admin
