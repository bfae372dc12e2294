// _meta.pre_function: a text of Lua that returns a function(conf, ctx), which runs before each hook of the
// plugin, native or not. What it returns does not count, and an error is logged only, as in APISIX.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "worker/plugin/plugin.h"

namespace apisix::lua {

// Does the text compile?
base::Status check_pre_function(std::string_view text);

// `plugin` with the function before its hooks; `plugin` itself where the text is no such function, which is
// logged. For LuaSettings::with_pre_function.
base::Ref<plugin::Plugin> with_pre_function(base::Ref<plugin::Plugin> plugin, const std::string& text,
                                            const ::Json::Value& conf, const plugin::BuildContext& context);

}  // namespace apisix::lua
