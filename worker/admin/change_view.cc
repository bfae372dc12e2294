#include "worker/admin/change_view.h"

#include "shared/async/time_slice.h"
#include "worker/admin/diff.h"
#include "worker/admin/secret_mask.h"

namespace apisix::admin {
namespace {

using format::Json;

constexpr const char* kNoJson = "(no JSON)";  // it may be anything, also a secret

// As it is used: null for null.
Json plain_value(const SecretFields& secrets, const resource::ItemKey& key, const std::string* stored) {
  if (stored == nullptr) return {};
  auto value = format::parse_json(*stored);
  if (!value) return kNoJson;
  secrets.decrypt(key.kind, key.id, *value);
  return std::move(*value);
}

const std::string* before_of(const Change& change) {
  return change.before.mod_revision != 0 ? &change.before.value : nullptr;
}

const std::string* after_of(const Change& change) {
  return change.after ? &*change.after : nullptr;
}

}  // namespace

Json shown_value(const SecretFields& secrets, const resource::ItemKey& key, const std::string* stored) {
  Json value = plain_value(secrets, key, stored);
  hide_secrets(secrets.plugins(), key, value, Json());
  return value;
}

Json diff_of_change(const SecretFields& secrets, const resource::ItemKey& key, const std::string* before,
                    const std::string* after) {
  Json shown_before = plain_value(secrets, key, before);
  Json shown_after = plain_value(secrets, key, after);
  if (shown_before.isObject() && shown_after.isObject()) {
    // When it was written is no difference of what was written.
    shown_before.removeMember("update_time");
    shown_after.removeMember("update_time");
  }
  hide_secrets(secrets.plugins(), key, shown_after, shown_before);
  hide_secrets(secrets.plugins(), key, shown_before, Json());
  return diff_json(before != nullptr ? &shown_before : nullptr, after != nullptr ? &shown_after : nullptr);
}

Json diff_of_change(const SecretFields& secrets, const resource::ItemKey& key, const Change& change) {
  return diff_of_change(secrets, key, before_of(change), after_of(change));
}

std::string_view action_of(const std::string* before, const std::string* after) {
  if (before == nullptr) return after == nullptr ? "nothing" : "create";
  if (after == nullptr) return "delete";
  auto old_value = format::parse_json(*before);
  auto new_value = format::parse_json(*after);
  if (!old_value || !new_value || !old_value->isObject() || !new_value->isObject())
    return *before == *after ? "nothing" : "update";
  old_value->removeMember("update_time");
  new_value->removeMember("update_time");
  return *old_value == *new_value ? "nothing" : "update";
}

std::string_view action_of(const Change& change) {
  return action_of(before_of(change), after_of(change));
}

async::Task<Json> changes_json(event::Loop& loop, const SecretFields& secrets, std::string_view prefix,
                               std::span<const Change> changes, bool with_diffs) {
  async::TimeSlice slice(loop);
  Json body(::Json::objectValue);
  Json& list = body["changes"] = Json(::Json::arrayValue);
  for (const Change& change : changes) {
    if (slice.is_over()) co_await slice.pause();
    const std::string_view place = std::string_view(change.key).substr(prefix.size());
    const auto key = resource::parse_store_key(place);
    Json& out = list.append(Json(::Json::objectValue));
    out["resource_type"] = key ? std::string(resource::info_of(key->kind).plural) : "";
    out["resource_id"] = key ? key->id : std::string(place);
    out["action"] = std::string(action_of(change));
    if (with_diffs && key) out["diff"] = diff_of_change(secrets, *key, change);
  }
  co_return body;
}

}  // namespace apisix::admin
