// filter_func of routes: a function of the request's variables that decides whether a route may take it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared/async/step.h"
#include "shared/base/result.h"
#include "worker/lua/ref.h"
#include "worker/plugin/deps.h"
#include "worker/plugin/request.h"

namespace apisix::lua {

// What the Admin API says of a text that is no function: "failed to load 'filter_func' string: ...".
base::Status check_filter_text(std::string_view text);
// Compiled in the State in force.
base::Result<Ref> compile_filter(plugin::Deps& deps, std::string_view text);
// Calls it with ctx.var; an error is logged and is a no. Where it waits `waiting` becomes a step that ends
// when it has decided: the match is to be made again then, and gives what it decided. Until then every filter
// is a yes and none is called. `waiting` null: it may not wait.
bool runs_true(const std::shared_ptr<const Ref>& filter, plugin::RequestState& request, async::Step* waiting);

}  // namespace apisix::lua
