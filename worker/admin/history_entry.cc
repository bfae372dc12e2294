#include "worker/admin/history_entry.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "shared/base/text.h"
#include "shared/format/json.h"
#include "shared/format/read.h"
#include "shared/resource/fields.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;

Json optional_text(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json();
}

std::optional<std::string> text_of(const Json& value) {
  return value.isString() ? std::optional(format::string_of(value)) : std::nullopt;
}

}  // namespace

std::string make_history_id(std::uint64_t now_ms, std::uint64_t random) {
  return fmt::format("{:016}-{:08x}", now_ms, static_cast<std::uint32_t>(random));
}

std::uint64_t written_ms(std::string_view history_id) {
  return base::parse_integer<std::uint64_t>(history_id.substr(0, history_id.find('-'))).value_or(0);
}

std::string encode_history_index(const std::vector<Change>& changes, std::string_view prefix,
                                 const Author& author, std::uint64_t now_ms, bool has_values) {
  Json out(::Json::objectValue);
  out["at_ms"] = static_cast<Json::UInt64>(now_ms);
  out["by"] = author.name;
  out["from"] = author.address.to_string();
  out["request"] = author.request;
  out["has_values"] = has_values;
  Json& list = out["changes"] = Json(::Json::arrayValue);
  const std::size_t listed = std::min(changes.size(), kHistoryChangesMax);
  if (listed < changes.size()) out["left_out"] = static_cast<Json::UInt64>(changes.size() - listed);
  for (const Change& change : std::span(changes).first(listed)) {
    Json& each = list.append(Json(::Json::objectValue));
    each["key"] = change.key.substr(prefix.size());
    each["before"] = static_cast<Json::Int64>(change.before.mod_revision);
    if (!change.after) each["delete"] = true;
  }
  return format::to_json(out);
}

std::string encode_history_values(const std::vector<Change>& changes) {
  Json out(::Json::arrayValue);
  for (const Change& change : changes) {
    Json& pair = out.append(Json(::Json::arrayValue));
    pair.append(change.before.mod_revision != 0 ? Json(change.before.value) : Json());
    pair.append(optional_text(change.after));
  }
  return format::to_json(out);
}

std::optional<HistoryEntry> decode_history_index(std::string_view id, const store::Item& item) {
  const auto value = format::parse_json(item.value);
  if (!value || !find_member(*value, "at_ms").isUInt64()) return std::nullopt;
  const Json& left_out = find_member(*value, "left_out");
  HistoryEntry out{.id = std::string(id),
                   .revision = item.create_revision,
                   .at_ms = format::clamped<std::uint64_t>(find_member(*value, "at_ms")),
                   .by = resource::text_field(*value, "by"),
                   .from = resource::text_field(*value, "from"),
                   .request = resource::text_field(*value, "request"),
                   .has_values = resource::bool_field(*value, "has_values").value_or(false),
                   .left_out = format::integer_of<std::uint64_t>(left_out).value_or(0),
                   .changes = {}};
  for (const Json& each : find_member(*value, "changes")) {
    const Json& before = find_member(each, "before");
    out.changes.push_back({.key = resource::text_field(each, "key"),
                           .before_revision = format::integer_of<std::int64_t>(before).value_or(0),
                           .is_delete = resource::bool_field(each, "delete").value_or(false)});
  }
  return out;
}

base::Status add_history_values(std::string_view record, HistoryEntry& entry) {
  const auto values = format::parse_json(record);
  if (!values || !values->isArray() || values->size() != entry.changes.size()) {
    return base::invalid("the values of the history's entry " + entry.id + " are damaged");
  }
  for (Json::ArrayIndex i = 0; i < values->size(); ++i) {
    const Json& pair = (*values)[i];
    if (!pair.isArray() || pair.size() != 2) continue;
    entry.changes[i].before = text_of(pair[0]);
    entry.changes[i].after = text_of(pair[1]);
  }
  return {};
}

}  // namespace apisix::admin
