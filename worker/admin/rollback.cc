#include "worker/admin/rollback.h"

#include <map>

#include <fmt/format.h>

#include "shared/format/json.h"

namespace apisix::admin {
namespace {

using format::Json;

std::unexpected<base::Error> unknown(std::string what) {
  return base::fail(base::ErrorCode::kConflict, base::ErrorSource::kClient, std::move(what));
}

base::Result<SetChange> change_to(const resource::ItemKey& key, const HistoryChange& before,
                                  const SecretFields& secrets) {
  SetChange out{.list = std::string(resource::info_of(key.kind).plural),
                .index = std::nullopt,
                .path = path_of_item(key),
                .value = std::nullopt};
  if (before.before_revision == 0) return out;
  auto value = format::parse_json(before.before.value_or(""));
  if (!value || !value->isObject()) return unknown(before.key + " was no JSON object");
  secrets.decrypt(key.kind, key.id, *value);
  value->removeMember("update_time");
  out.value = std::move(*value);
  out.is_stored = true;
  return out;
}

}  // namespace

base::Result<ChangeSet> make_rollback(const std::vector<HistoryEntry>& later, store::Revision revision,
                                      std::string_view only, const SecretFields& secrets) {
  // The oldest change of each object says what it was before.
  std::map<std::string, std::pair<const HistoryEntry*, const HistoryChange*>> first;
  for (const HistoryEntry& entry : later) {
    if (entry.left_out > 0)
      return unknown(fmt::format("the changes of revision {} were too many to be kept", entry.revision));
    for (const HistoryChange& change : entry.changes) {
      if (only.empty() || only == change.key) first[change.key] = {&entry, &change};
    }
  }
  ChangeSet out;
  for (const auto& [place, found] : first) {
    const auto& [entry, change] = found;
    const auto key = resource::parse_store_key(place);
    if (!key) return unknown("the history's entry " + entry->id + " names no object: " + place);
    if (!entry->has_values && change->before_revision != 0)
      return unknown(fmt::format("the values of revision {} were too large to be kept", entry->revision));
    if (change->before_revision > revision) {
      return unknown(fmt::format(
          "{} was changed at revision {} by somebody who keeps no history: what it was at revision "
          "{} is not known",
          place, change->before_revision, revision));
    }
    auto back = change_to(*key, *change, secrets);
    if (!back) return std::unexpected(back.error());
    out.changes.push_back(std::move(*back));
  }
  return out;
}

}  // namespace apisix::admin
