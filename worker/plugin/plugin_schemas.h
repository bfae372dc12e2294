// The JSON Schemas of plugins, as APISIX 3.18 publishes them: files of worker/plugins/schemas, embedded in
// the binary. Each is an object of "schema", "consumer_schema" and "metadata_schema", with the plugin's
// priority, version, type and scope; what APISIX adds to all of them (_meta) is not in the files.
#pragma once

#include <string_view>

namespace apisix::plugin {

// "" when there is none of this name.
std::string_view find_plugin_schema(std::string_view plugin);

}  // namespace apisix::plugin
