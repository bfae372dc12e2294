// Hooks: Lua functions as hooks of plugins, in the words of the plugin contract: what a run's end means for
// the request.
#pragma once

#include <cstdint>
#include <string_view>

#include "shared/async/step.h"
#include "worker/lua/phase.h"
#include "worker/lua/ref.h"
#include "worker/plugin/body.h"
#include "worker/plugin/deps.h"
#include "worker/plugin/request.h"

namespace apisix::lua {

// A hook of a phase that may wait and respond: function(conf, ctx). What it returns is a status and a body,
// as APISIX's plugins return them; an error is logged with its traceback and gives 500. `function` and `conf`
// outlive the Step. `global_rule`: see Binding.
async::Step run_hook(const Ref& function, const Ref& conf, plugin::Request& request,
                     std::uint64_t global_rule = 0);
// One of a phase that may do neither. `body`: the piece that body_filter runs on.
void run_plain_hook(const Ref& function, const Ref& conf, Phase phase, plugin::Request& request,
                    plugin::Body* body = nullptr, std::uint64_t global_rule = 0);
// The revision of the global rule that is being built; 0: it is another object.
std::uint64_t global_rule_of(const plugin::BuildContext& context);

// Said in header_filter for a plugin with a body_filter: a body without an announced length may be changed
// piece by piece. Of one with a length the first piece tells, unless Lua clears Content-Length.
void announce_changes(plugin::Request& request);

}  // namespace apisix::lua
