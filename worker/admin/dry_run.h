// What a dry run says of changes besides what they are: what lint would find in the objects as they would be,
// and which routes could no longer be taken.
#pragma once

#include <string>
#include <vector>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/store/store.h"
#include "worker/admin/history_entry.h"
#include "worker/admin/secret_fields.h"

namespace apisix::config {
class Registry;
}

namespace apisix::admin {

// What a dry run looks at. All outlive it.
struct DryRunDeps {
  event::Loop& loop;
  store::Store& store;
  config::Registry& registry;
  const SecretFields& secrets;
  const std::string& prefix;
};

// Adds "findings", as lint lists them, and "findings_left_out" when there are more than are listed.
async::Task<void> add_findings(const DryRunDeps& deps, const std::vector<Change>& changes,
                               format::Json& body);

}  // namespace apisix::admin
