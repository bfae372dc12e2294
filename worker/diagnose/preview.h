// Preview: what lint would newly say if some changes were made: of the objects as they would be, and of the
// routes that could no longer be taken, or partly, because of them. For dry runs. Changes nothing.
#pragma once

#include <string>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/keyring.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/resource/kind.h"

namespace apisix::config {
class Registry;
}

namespace apisix::diagnose {

struct Proposal {
  resource::ItemKey key;
  format::Json value;  // as it would be stored; null: deleted
};

// See Findings::to_json(). Lets the loop turn in between: the routes in force are looked through when there
// are routes among the proposals. Hosts that a changed service hands to its routes are not followed.
async::Task<format::Json> preview(event::Loop& loop, config::Registry& registry, base::Keyring keyring,
                                  std::vector<Proposal> proposals);

}  // namespace apisix::diagnose
