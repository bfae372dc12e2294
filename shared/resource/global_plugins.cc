#include "shared/resource/global_plugins.h"

#include <fmt/format.h>

namespace apisix::resource {

std::string global_plugin_taken(std::string_view plugin, std::string_view rule_id) {
  return fmt::format("plugin '{}' already exists in global rule with id '{}'", plugin, rule_id);
}

std::string GlobalPlugins::add(std::string_view rule_id, const std::vector<std::string>& plugins) {
  std::string taken;
  for (const std::string& plugin : plugins) {
    const auto [owner, is_new] = owners_.try_emplace(plugin, rule_id);
    if (!is_new && owner->second != rule_id && taken.empty()) {
      taken = global_plugin_taken(plugin, owner->second);
    }
  }
  return taken;
}

std::string GlobalPlugins::add_rule(std::string_view rule_id, const format::Json& rule) {
  const format::Json& plugins = format::find_member(rule, "plugins");
  return plugins.isObject() ? add(rule_id, plugins.getMemberNames()) : std::string();
}

}  // namespace apisix::resource
