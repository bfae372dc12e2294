// Why the router took a route, and why not the others: the candidates of one request, in words.
#pragma once

#include "shared/format/json.h"
#include "worker/plugin/request_state.h"
#include "worker/route/router.h"

namespace apisix::config {
class Registry;
}

namespace apisix::diagnose {

// [{id, name, uri, host, priority, verdict, why, vars}]: in the order of precedence. verdict: "taken",
// "outranked" (it would match, and comes behind the one that is taken), or the condition that fails: method,
// remote_addr, host, vars, filter_func, path. vars: of the verdict "vars" the comparisons that decided,
// [{expression, variable, value}].
format::Json candidates_json(const config::Registry& registry, const route::Trail& trail,
                             plugin::RequestState& request);

}  // namespace apisix::diagnose
