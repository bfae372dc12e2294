// One line for each plugin. They run by priority (their kInfo says it); a plugin that must stand before or
// after another one says so here.
#include "worker/plugins/catalog.h"

#include <array>

namespace apisix::plugins {

extern const plugin::PluginDef echo;
extern const plugin::PluginDef key_auth;
extern const plugin::PluginDef uri_blocker;

std::span<const plugin::PluginDef* const> catalog() {
  static const auto all = std::to_array<const plugin::PluginDef*>({
      &uri_blocker,  // 2900: before authentication, a blocked path is nobody's business
      &key_auth,     // 2500
      &echo,         // 412
  });
  return all;
}

}  // namespace apisix::plugins
