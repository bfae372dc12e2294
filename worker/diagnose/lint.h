// Lint: what is wrong, useless or about to break in the configuration that is in force on this worker: its
// own copy of routes and consumers, and the store's lists of what there is less of. Reads everything, changes
// nothing, and lets the loop turn all the time.
#pragma once

#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"

namespace apisix::config {
class Registry;
}

namespace apisix::diagnose {

// {revision, took_ms, checked: {kind: count}, counts, findings, left_out} (findings.h; the codes are in
// docs/EXPLAIN_AND_LINT.md). Errors: the store cannot be read; kConflict: a run is under way in this worker.
async::Task<base::Result<format::Json>> lint(event::Loop& loop, store::Store& store,
                                             config::Registry& registry, const settings::Settings& settings);

}  // namespace apisix::diagnose
