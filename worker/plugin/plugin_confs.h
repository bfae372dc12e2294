// PluginConfs: the configurations of one object, or of several merged, by the plugin's name: those that are
// enabled, known, and not turned off by _meta.disable.
#pragma once

#include <map>
#include <string>

#include "shared/base/counted.h"

namespace apisix::plugin {

class PluginConf;

using PluginConfs = std::map<std::string, base::Ref<PluginConf>, std::less<>>;

}  // namespace apisix::plugin
