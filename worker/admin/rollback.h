// What brings back the state of an older revision: a set of changes made from the history's entries. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "worker/admin/change_set.h"
#include "worker/admin/history_entry.h"
#include "worker/admin/secret_fields.h"

namespace apisix::admin {

// `later`: the entries behind `revision`, the newest first, with their values. `only`: the key of one object,
// below the prefix; empty: all. Errors (kConflict) name what is not known: an entry without values, an object
// that was changed beside the Admin API before the first entry.
base::Result<ChangeSet> make_rollback(const std::vector<HistoryEntry>& later, store::Revision revision,
                                      std::string_view only, const SecretFields& secrets);

}  // namespace apisix::admin
