// filter_func of routes: a function of the request's variables that decides whether a route may take it.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "worker/lua/ref.h"
#include "worker/plugin/deps.h"
#include "worker/plugin/request.h"

namespace apisix::lua {

// What the Admin API says of a text that is no function: "failed to load 'filter_func' string: ...".
base::Status check_filter_text(std::string_view text);
// Compiled in the State in force.
base::Result<Ref> compile_filter(plugin::Deps& deps, std::string_view text);
// Calls it with ctx.var. An error is logged and is a no; so is a wait, which it may not.
bool runs_true(const Ref& filter, plugin::RequestState& request);

}  // namespace apisix::lua
