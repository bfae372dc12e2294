// Whether the items of a whole document are acceptable: each as a write of the Admin API would be, but for
// references, which may be anywhere; and none there twice, nor a plugin in two global rules.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/resource/validate.h"
#include "worker/admin/pushed_document.h"
#include "worker/admin/write_rules.h"

namespace apisix::admin {

struct ConfigFault {
  std::string list;
  format::Json id;                // of the item
  std::optional<unsigned> index;  // from 0; none: of the list itself
  std::string error;              // in APISIX's words
};

struct ConfigsCheck {
  const resource::ValidateHooks& hooks;
  // Where objects are stored one by one, an item must also fit to those that are stored. Null: the document
  // replaces them.
  const WriteRules* rules = nullptr;
  bool takes_modified_index = false;  // only where the configuration is pushed
  bool stops_at_first = false;
  // Items that are in force already, byte for byte; they are not asked again. Not set: none.
  std::function<bool(const PushedItem&)> is_known = {};
};

// Lets the loop turn in between. What it is given must outlive the Task.
async::Task<std::vector<ConfigFault>> check_configs(event::Loop& loop, const std::vector<PushedList>& lists,
                                                    const ConfigsCheck& check);

// {"error_msg": ..., "errors": [{"resource_type", "resource_id", "index", "error"}]}, as APISIX's; of very
// many faults the first 1,000, and how many are "left_out".
format::Json faults_json(const std::vector<ConfigFault>& faults);

}  // namespace apisix::admin
