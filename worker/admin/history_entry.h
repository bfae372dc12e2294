// One entry of the history of changes: who changed which objects, when, from where, and what they were. How
// it lies in the store: two records under "<prefix>-history/", where no reader of the configuration (this
// gateway's workers, an APISIX on the same etcd) looks: "index/<id>", small, and "values/<id>", what the
// objects were before and after. Both are written by the transaction that makes the change, so that their
// create_revision is the change's own. Values are kept as the store holds them: what is encrypted there is
// encrypted here. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/store/store.h"
#include "worker/admin/author.h"

namespace apisix::admin {

// What one entry lists. A set has fewer; a push may have any number.
inline constexpr std::size_t kHistoryChangesMax = 4000;

// One object's change, as it is to be done.
struct Change {
  std::string key;                   // whole
  std::optional<std::string> after;  // nothing: it is deleted
  store::Item before;                // mod_revision 0: it was not there
  store::LeaseId lease = 0;
};

struct HistoryChange {
  std::string key;  // below the prefix: "/routes/1"
  store::Revision before_revision = 0;
  bool is_delete = false;
  // Only with the values: see HistoryEntry::has_values.
  std::optional<std::string> before = std::nullopt;
  std::optional<std::string> after = std::nullopt;
};

struct HistoryEntry {
  std::string id;
  store::Revision revision = 0;
  std::uint64_t at_ms = 0;  // wall clock of the worker that wrote it
  std::string by;           // name of the admin key
  std::string from;         // client address
  std::string request;
  bool has_values = false;   // false: they were too large to be kept
  std::size_t left_out = 0;  // changes that are not listed: there were more than kHistoryChangesMax
  std::vector<HistoryChange> changes;
};

// "0001790000000000-9f3a5c71": in the order of time, and no two alike.
std::string make_history_id(std::uint64_t now_ms, std::uint64_t random);
// Its time; 0 when it is none of these.
std::uint64_t written_ms(std::string_view history_id);

std::string encode_history_index(const std::vector<Change>& changes, std::string_view prefix,
                                 const Author& author, std::uint64_t now_ms, bool has_values);
std::string encode_history_values(const std::vector<Change>& changes);

// Nothing: it is none, or damaged. `id` is what follows "index/" in its key.
std::optional<HistoryEntry> decode_history_index(std::string_view id, const store::Item& item);
// Fills in `before` and `after`; kInvalid when the record does not belong to the entry.
base::Status add_history_values(std::string_view record, HistoryEntry& entry);

}  // namespace apisix::admin
