// Scripts of routes and services: a text of Lua that returns a table of functions by phase, which run in the
// place of plugins. For a chain of plugins one is a plugin like any other, of a kind that no configuration
// can name.
#pragma once

#include <string_view>

#include "shared/base/result.h"
#include "worker/plugin/plugin_kind.h"

namespace apisix::lua {

// What the Admin API says of a text that is no script: "failed to load 'script' string: ..." or "'script'
// should be a Lua object".
base::Status check_script_text(std::string_view text);
// The same of what a file or the store holds, where APISIX takes a script that returns no table: it does
// nothing.
base::Status check_stored_script_text(std::string_view text);

// Of configurations {"script": "text"}. A text that does not compile fails each request, as in APISIX.
inline constexpr std::string_view kScriptName = "(script)";
const plugin::PluginKind& script_kind();

}  // namespace apisix::lua
