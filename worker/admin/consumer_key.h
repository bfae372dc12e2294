// What a consumer or a credential is recognised by. Two of them with one key would be ambiguous.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/format/json.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::admin {

struct ConsumerKey {
  std::string plugin;
  std::string_view member;  // of the plugin's configuration: "username"
  std::string value;
};

// In those plugins for which APISIX looks for duplicates. Without references to secrets.
std::vector<ConsumerKey> consumer_keys(const format::Json& plugins, const plugin::PluginSet& enabled);

}  // namespace apisix::admin
