#include "worker/admin/hooks.h"

#include "worker/plugin/plugin_set.h"
#include "worker/route/match_rule.h"

namespace apisix::admin {
namespace {

using format::Json;

base::Status check_vars(const Json& vars) {
  const auto rule = route::MatchRule::compile(vars);
  if (!rule) return std::unexpected(rule.error());
  return {};
}

}  // namespace

resource::ValidateHooks make_hooks(config::Registry& registry) {
  resource::ValidateHooks hooks;
  hooks.check_vars = check_vars;
  hooks.check_plugins = [&registry](Json& plugins, resource::PluginScope scope) {
    return registry.plugins().check_all(plugins, scope, /*skip_unknown=*/false);
  };
  hooks.check_credential_plugin = [&registry](std::string_view name) -> base::Status {
    const plugin::PluginDef* def = registry.plugins().find(name);
    if (def == nullptr) return base::invalid("unknown plugin " + std::string(name));
    if (!def->info.is_auth) return base::invalid("only supports auth type plugins in consumer credential");
    return {};
  };
  hooks.check_plugin_metadata = [&registry](std::string_view name, Json& metadata) -> resource::Validation {
    resource::Validation out;
    const plugin::PluginDef* def = registry.plugins().find(name);
    if (def == nullptr) {
      out.add("invalid plugin name", {"", "plugin", "invalid plugin name", {}, ""});
    } else if (auto found = registry.plugins().check_one(*def, metadata, plugin::ConfScope::kMetadata);
               !found.ok()) {
      out.add_within("", "invalid configuration: ", std::move(found));
    }
    return out;
  };
  hooks.check_filter_func = [](std::string_view) -> base::Status {
    return base::invalid("filter_func is not supported by this version of the gateway");
  };
  hooks.check_script = [](std::string_view) -> base::Status {
    return base::invalid("script is not supported by this version of the gateway");
  };
  return hooks;
}

}  // namespace apisix::admin
