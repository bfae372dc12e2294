#include "worker/admin/history_view.h"

#include <algorithm>

#include "shared/resource/kind.h"

namespace apisix::admin {
namespace {

using format::Json;

bool is_below(const HistoryChange& change, const std::string& key) {
  return key.ends_with('/') ? change.key.starts_with(key) : change.key == key;
}

}  // namespace

bool concerns(const HistoryEntry& entry, const std::string& key) {
  if (key.empty()) return true;
  return std::ranges::any_of(entry.changes,
                             [&key](const HistoryChange& change) { return is_below(change, key); });
}

Json entry_json(const HistoryEntry& entry) {
  Json out(::Json::objectValue);
  out["revision"] = static_cast<Json::Int64>(entry.revision);
  out["at_ms"] = static_cast<Json::UInt64>(entry.at_ms);
  out["by"] = entry.by;
  out["from"] = entry.from;
  out["request"] = entry.request;
  out["has_values"] = entry.has_values;
  if (entry.left_out > 0) out["left_out"] = static_cast<Json::UInt64>(entry.left_out);
  Json& changes = out["changes"] = Json(::Json::arrayValue);
  for (const HistoryChange& change : entry.changes) {
    const auto key = resource::parse_store_key(change.key);
    Json& each = changes.append(Json(::Json::objectValue));
    each["resource_type"] = key ? std::string(resource::info_of(key->kind).plural) : "";
    each["resource_id"] = key ? key->id : change.key;
    each["action"] = change.is_delete ? "delete" : change.before_revision == 0 ? "create" : "update";
  }
  return out;
}

Json listed_entry_json(HistoryEntry entry, const std::string& key) {
  if (entry.changes.size() <= kEntryChangesListed) return entry_json(entry);
  std::vector<HistoryChange> listed;
  for (const bool asked_for : {true, false}) {
    for (const HistoryChange& change : entry.changes) {
      if (listed.size() == kEntryChangesListed) break;
      if (is_below(change, key) == asked_for) listed.push_back(change);
    }
  }
  entry.left_out += entry.changes.size() - listed.size();
  entry.changes = std::move(listed);
  return entry_json(entry);
}

}  // namespace apisix::admin
