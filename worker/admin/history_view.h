// Entries of the history as the Admin API lists them.
#pragma once

#include <cstddef>
#include <string>

#include "shared/format/json.h"
#include "worker/admin/history_entry.h"

namespace apisix::admin {

// Of one entry among many: a push changes thousands of objects.
inline constexpr std::size_t kEntryChangesListed = 20;

// Whether an entry changes an object. `key` is below the prefix; of a collection it ends with '/'; empty:
// every entry does.
bool concerns(const HistoryEntry& entry, const std::string& key);
// {"revision", "at_ms", "by", "from", "request", "has_values", "changes": [{"resource_type", "resource_id",
// "action"}], "left_out"}, with all changes that the entry has.
format::Json entry_json(const HistoryEntry& entry);
// The same with kEntryChangesListed changes at most, those of `key` first; the others count in "left_out".
format::Json listed_entry_json(HistoryEntry entry, const std::string& key);

}  // namespace apisix::admin
