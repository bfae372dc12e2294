// The upstream of one request: its nodes with what is known of them, and the node that the balancer gives
// next.
#pragma once

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "worker/plugin/request_state.h"

namespace apisix::config {
class Registry;
struct CompiledRoute;
}  // namespace apisix::config

namespace apisix::diagnose {

// Puts "upstream" into `out`, and "answer" {status, why} when no node can be had. Waits for names that are
// being looked up, as a request does. {from, balancer, scheme, hash_key, nodes: [{host, port, weight,
// priority, addresses, healthy}], nodes_total, node: {host, port, address}, sends: {scheme, host, uri}};
// healthy is null without health checks.
async::Task<void> add_upstream(event::Loop& loop, const config::Registry& registry,
                               const config::CompiledRoute& route, plugin::RequestState& request,
                               format::Json& out);

}  // namespace apisix::diagnose
