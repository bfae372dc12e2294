// Which plugins a request runs, in order, and where each comes from; and which it does not run although some
// object names them.
#pragma once

#include "shared/format/json.h"
#include "worker/plugin/chain.h"
#include "worker/plugin/request_state.h"

namespace apisix::config {
class Registry;
struct CompiledRoute;
}  // namespace apisix::config

namespace apisix::diagnose {

// [{name, priority, from, phases, runs, why, meta}] of the chains as they are run: global rules first. `from`
// is the object whose configuration it is; phases are those in which it has a hook. `runs` is false when
// _meta.filter, or a route that goes before its global rule, keeps it from this request.
format::Json running_plugins(const config::Registry& registry, plugin::ChainRun& chains,
                             plugin::RequestState& request);

// [{name, from, why}]: disabled by _meta.disable, not enabled in this gateway, replaced by an object of
// higher precedence, in a global rule that is rejected.
format::Json left_out_plugins(config::Registry& registry, const config::CompiledRoute& route,
                              const plugin::Consumer* consumer);

}  // namespace apisix::diagnose
