// A plugin outside the catalog that responds 503. It stands in a chain in the place of what is configured and
// cannot run, so that this is not skipped.
#pragma once

#include <string>

#include "shared/format/json.h"
#include "worker/plugin/plugin_conf.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::config {

// Puts it among `confs`; `resource` is where the trouble stands.
void add_refusal(plugin::PluginConfs& confs, const std::string& resource);

// The first plugin of an object's `plugins` that is enabled, not part of this build and not disabled there;
// "" when there is none.
std::string find_missing(const plugin::PluginSet& set, const format::Json& plugins);

}  // namespace apisix::config
