#include "worker/admin/pushed_config.h"

#include <set>

#include <fmt/format.h>

#include "shared/resource/fields.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;

Json to_object(const std::map<std::string, Json>& map) {
  Json out(::Json::objectValue);
  for (const auto& [name, value] : map) out[name] = value;
  return out;
}

std::map<std::string, Json> to_map(const Json& object) {
  std::map<std::string, Json> out;
  if (!object.isObject()) return out;
  for (const std::string& name : object.getMemberNames()) out[name] = object[name];
  return out;
}

std::string encode(const PushedMeta& meta) {
  Json out(::Json::objectValue);
  out["digest"] = meta.digest;
  out["last_modified"] = static_cast<Json::Int64>(meta.last_modified);
  out["versions"] = to_object(meta.versions);
  out["modified_indexes"] = to_object(meta.modified_indexes);
  return format::to_json(out);
}

// "/routes/1" -> "routes"
std::string_view list_of(std::string_view key) {
  return key.substr(1, key.find('/', 1) - 1);
}

}  // namespace

Json PushedMeta::version_of(const std::string& list) const {
  const auto found = versions.find(list);
  return found == versions.end() ? Json(0) : found->second;
}

PushedConfig::PushedConfig(store::Store& store, std::string prefix)
    : store_(store), prefix_(std::move(prefix)), own_prefix_(prefix_ + "-pushed/") {}

std::string PushedConfig::list_key(std::string_view list) const {
  return own_prefix_ + "lists/" + std::string(list);
}

async::Task<base::Result<PushedMeta>> PushedConfig::read_meta() {
  const auto item = co_await store_.get(own_prefix_ + "meta");
  PushedMeta out;
  if (!item && item.error().code == base::ErrorCode::kNotFound) co_return out;
  if (!item) co_return std::unexpected(item.error());
  const auto value = format::parse_json(item->value);
  if (!value) co_return std::unexpected(value.error());
  out.exists = true;
  out.revision = item->mod_revision;
  out.digest = resource::text_field(*value, "digest");
  out.last_modified = find_member(*value, "last_modified").asInt64();
  out.versions = to_map(find_member(*value, "versions"));
  out.modified_indexes = to_map(find_member(*value, "modified_indexes"));
  co_return out;
}

async::Task<base::Result<StoredItems>> PushedConfig::read_items() {
  auto list = co_await store_.list(prefix_ + "/");
  if (!list) co_return std::unexpected(list.error());
  StoredItems out;
  for (store::Item& item : list->items) out.emplace(item.key.substr(prefix_.size()), std::move(item.value));
  co_return out;
}

// Put together as text: a list is sent back byte for byte, and may have megabytes.
async::Task<base::Result<std::string>> PushedConfig::read_document(const PushedMeta& meta) {
  const auto lists = co_await store_.list(own_prefix_ + "lists/");
  if (!lists) co_return std::unexpected(lists.error());
  std::map<std::string, std::string> members;
  for (const store::Item& item : lists->items) {
    members[item.key.substr(own_prefix_.size() + std::string_view("lists/").size())] = item.value;
  }
  for (const std::string_view list : resource::kDocumentLists) {
    members[version_key(list)] = format::to_json(meta.version_of(std::string(list)));
  }
  if (meta.exists) {
    members["X-Digest"] = format::to_json(Json(meta.digest));
    members["X-Last-Modified"] = std::to_string(meta.last_modified);
  }
  std::string out = "{";
  for (const auto& [name, text] : members)
    out += fmt::format("{}\"{}\":{}", out.size() > 1 ? "," : "", name, text);
  co_return out + "}";
}

store::Txn PushedConfig::plan(const std::vector<PushedList>& lists, const std::vector<bool>& changed,
                              const StoredItems& stored, const PushedMeta& before, PushedMeta after) const {
  store::Txn txn;
  txn.compares.push_back({store::Compare::Target::kModRevision, own_prefix_ + "meta", before.revision});
  std::set<std::string_view> present;
  std::set<std::string_view> replaced;
  const auto put = [&](const std::string& key, const std::string& value) {
    const auto known = stored.find(key);
    if (known == stored.end() || known->second != value)
      txn.writes.push_back(store::Put{prefix_ + key, value, 0});
  };
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const PushedList& list = lists[i];
    if (!changed[i]) continue;
    replaced.insert(list.name);
    std::erase_if(after.modified_indexes,
                  [&](const auto& entry) { return list_of(entry.first) == list.name; });
    if (list.text.empty()) {
      txn.writes.push_back(store::Delete{list_key(list.name)});
      continue;
    }
    txn.writes.push_back(store::Put{list_key(list.name), list.text, 0});
    if (list.name == resource::kPluginsList) {
      present.insert("/plugins");
      put("/plugins", list.text);
      continue;
    }
    for (const PushedItem& item : list.items) {
      const std::string& key = item.item.key;
      present.insert(key);
      const auto index = before.modified_indexes.find(key);
      const bool is_same = !item.modified_index.isNull() && index != before.modified_indexes.end() &&
                           index->second == item.modified_index && stored.contains(key);
      if (!is_same) put(key, item.text);
      if (!item.modified_index.isNull()) after.modified_indexes[key] = item.modified_index;
    }
  }
  for (const auto& [key, value] : stored) {
    if (replaced.contains(list_of(key)) && !present.contains(key))
      txn.writes.push_back(store::Delete{prefix_ + key});
  }
  txn.writes.push_back(store::Put{own_prefix_ + "meta", encode(after), 0});
  return txn;
}

}  // namespace apisix::admin
