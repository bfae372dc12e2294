// What validation has to ask other rooms: whether an expression compiles, which plugins there are, whether
// a certificate is one.
#pragma once

#include <functional>

#include "shared/resource/validate.h"
#include "shared/settings/settings.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::admin {

// The plugins that are enabled when it is asked.
using PluginsNow = std::function<const plugin::PluginSet&()>;

// For what a client writes.
resource::ValidateHooks make_hooks(PluginsNow plugins, const settings::Settings& settings);
// For what a file says: metadata of a plugin that is not enabled takes no effect, and is no fault.
resource::ValidateHooks make_file_hooks(PluginsNow plugins, const settings::Settings& settings);

}  // namespace apisix::admin
