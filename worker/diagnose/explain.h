// Explain: what would this worker do with a request? It asks the router, the merge of plugins and the
// balancer that serve requests, and sends nothing, runs no plugin and does not advance the balancer. The
// Admin API and the Control API show its results; docs/EXPLAIN_AND_LINT.md says what they mean.
#pragma once

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/settings/settings.h"
#include "worker/diagnose/question.h"

namespace apisix::config {
class Registry;
}

namespace apisix::diagnose {

// {revision, request, router, candidates, candidates_total, route, service, consumer, plugins,
// plugins_left_out, upstream, answer, notes}. `answer` is what the gateway itself says instead of forwarding
// the request: {status, why}; null: it is forwarded, unless a plugin responds.
async::Task<format::Json> explain(event::Loop& loop, config::Registry& registry,
                                  const settings::Settings& settings, Question question);

}  // namespace apisix::diagnose
