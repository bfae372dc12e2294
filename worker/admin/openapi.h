// The Admin API as an OpenAPI 3.1 document, for clients that are generated and tools that read: made of the
// table of kinds, the schemas that writes are checked with, and the table of what else there is (openapi.cc).
#pragma once

#include "shared/format/json.h"
#include "shared/settings/settings.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::admin {

// Components hold the schemas as GET /apisix/admin/schema/... returns them, under the kind's name; those of
// enabled plugins as "plugin.NAME", "plugin.NAME.consumer", "plugin.NAME.metadata". Where the configuration
// is pushed as a whole, only what is served then is described.
format::Json make_openapi(const plugin::PluginSet& plugins, const settings::Settings& settings);

}  // namespace apisix::admin
