#include "worker/admin/pushed_config.h"

#include <random>

#include <fmt/format.h>

#include "shared/async/background.h"
#include "shared/format/read.h"
#include "shared/resource/fields.h"
#include "worker/admin/find_item.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;

constexpr std::string_view kZone = "standalone-config";
constexpr std::string_view kStoredPluginsKey = "/plugins";

std::size_t zone_bytes(const settings::Settings& settings) {
  const auto& zones = settings.nginx_config.meta_lua_shared_dict_bytes;
  const auto zone = zones.find(std::string(kZone));
  return zone != zones.end() ? static_cast<std::size_t>(zone->second) : std::size_t{10} << 20;
}

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
  Json& edited = out["edited"] = Json(::Json::arrayValue);
  for (const std::string& list : meta.edited) edited.append(list);
  return format::to_json(out);
}

base::Result<PushedMeta> decode(const store::Item& item) {
  const auto value = format::parse_json(item.value);
  if (!value) return std::unexpected(value.error());
  PushedMeta out;
  out.exists = true;
  out.revision = item.mod_revision;
  out.digest = resource::text_field(*value, "digest");
  out.last_modified = format::clamped<std::int64_t>(find_member(*value, "last_modified"));
  out.versions = to_map(find_member(*value, "versions"));
  out.modified_indexes = to_map(find_member(*value, "modified_indexes"));
  for (const Json& list : find_member(*value, "edited")) out.edited.insert(format::string_of(list));
  return out;
}

// "/routes/1" -> "routes"
std::string_view list_of(std::string_view key) {
  return key.substr(1, key.find('/', 1) - 1);
}

// What the pusher says has not changed, whatever else it says of it.
bool is_unchanged(const PushedItem& item, const StoredItems& stored, const PushedMeta& before) {
  if (item.modified_index.isNull() || !stored.contains(item.item.key)) return false;
  const auto index = before.modified_indexes.find(item.item.key);
  return index != before.modified_indexes.end() && index->second == item.modified_index;
}

void write_text(std::string key, const std::string& text, store::Txn& txn) {
  if (text.empty()) {
    txn.writes.emplace_back(store::Delete{std::move(key)});
  } else {
    txn.writes.emplace_back(store::Put{std::move(key), text, 0});
  }
}

}  // namespace

Json PushedMeta::version_of(const std::string& list) const {
  const auto found = versions.find(list);
  return found == versions.end() ? Json(0) : found->second;
}

PushedConfig::PushedConfig(event::Loop& loop, store::Store& store, const settings::Settings& settings)
    : loop_(loop),
      store_(store),
      prefix_(settings.deployment.etcd.prefix),
      own_prefix_(prefix_ + "-pushed/"),
      bytes_max_(zone_bytes(settings)),
      random_(std::random_device{}()) {}

std::string PushedConfig::list_key(std::string_view list) const {
  return own_prefix_ + "lists/" + std::string(list);
}

base::Status PushedConfig::check_bytes(std::size_t bytes) const {
  if (bytes <= bytes_max_) return {};
  return base::fail(
      base::ErrorCode::kTooLarge, base::ErrorSource::kClient,
      fmt::format("the document would have {} bytes, nginx_config.meta.lua_shared_dict.{} is {}", bytes,
                  kZone, bytes_max_));
}

async::Task<base::Result<PushedMeta>> PushedConfig::read_meta() {
  const auto item = co_await find_item(store_, own_prefix_ + "meta");
  if (!item) co_return std::unexpected(item.error());
  if (item->mod_revision == 0) co_return PushedMeta{};
  co_return decode(*item);
}

async::Task<base::Result<StoredItems>> PushedConfig::read_items() {
  auto list = co_await store_.list(prefix_ + "/");
  if (!list) co_return std::unexpected(list.error());
  StoredItems out;
  for (store::Item& item : list->items) {
    std::string key = item.key.substr(prefix_.size());
    out.emplace(std::move(key), std::move(item));
  }
  co_return out;
}

// Put together as text: a list is sent back byte for byte, and may have megabytes.
async::Task<base::Result<PushedConfig::Shown>> PushedConfig::read_document() {
  const auto records = co_await store_.list(own_prefix_);
  if (!records) co_return std::unexpected(records.error());
  Shown out{{}, "{", records->revision};
  std::map<std::string, std::string> members;
  const std::string folder = list_key("");
  for (const store::Item& item : records->items) {
    if (item.key.starts_with(folder)) {
      members[item.key.substr(folder.size())] = item.value;
      continue;
    }
    auto meta = decode(item);
    if (!meta) co_return std::unexpected(meta.error());
    out.meta = std::move(*meta);
  }
  for (const std::string_view list : resource::kDocumentLists) {
    members[version_key(list)] = format::to_json(out.meta.version_of(std::string(list)));
  }
  if (out.meta.exists) {
    members["X-Digest"] = format::to_json(Json(out.meta.digest));
    members["X-Last-Modified"] = std::to_string(out.meta.last_modified);
  }
  for (const auto& [name, text] : members)
    out.text += fmt::format("{}\"{}\":{}", out.text.size() > 1 ? "," : "", name, text);
  out.text += '}';
  co_return out;
}

std::vector<Change> PushedConfig::changes(const std::vector<PushedList>& lists,
                                          const std::vector<bool>& changed, const StoredItems& stored,
                                          const PushedMeta& before) const {
  std::vector<Change> out;
  std::set<std::string_view> present;
  std::set<std::string_view> replaced;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (!changed[i] || lists[i].name == resource::kPluginsList) continue;
    replaced.insert(lists[i].name);
    for (const PushedItem& item : lists[i].items) {
      present.insert(item.item.key);
      if (is_unchanged(item, stored, before)) continue;
      const auto known = stored.find(item.item.key);
      const bool is_new = known == stored.end();
      if (is_new || known->second.value != item.text)
        out.push_back({prefix_ + item.item.key, item.text, is_new ? store::Item{} : known->second});
    }
  }
  for (const auto& [key, item] : stored) {
    if (replaced.contains(list_of(key)) && !present.contains(key))
      out.push_back({prefix_ + key, std::nullopt, item});
  }
  return out;
}

store::Txn PushedConfig::unless_pushed(const PushedMeta& since) const {
  store::Txn txn;
  txn.compares.push_back({store::Compare::Target::kModRevision, own_prefix_ + "meta", since.revision});
  return txn;
}

store::Txn PushedConfig::records(const std::vector<PushedList>& lists, const std::vector<bool>& changed,
                                 const StoredItems& stored, const PushedMeta& before,
                                 PushedMeta after) const {
  store::Txn txn = unless_pushed(before);
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const PushedList& list = lists[i];
    if (!changed[i]) continue;
    after.edited.erase(list.name);
    std::erase_if(after.modified_indexes,
                  [&](const auto& entry) { return list_of(entry.first) == list.name; });
    for (const PushedItem& item : list.items) {
      if (!item.modified_index.isNull()) after.modified_indexes[item.item.key] = item.modified_index;
    }
    write_text(list_key(list.name), list.text, txn);
    if (list.name != resource::kPluginsList) continue;
    const auto known = stored.find(kStoredPluginsKey);
    const std::string& text = known != stored.end() ? known->second.value : std::string();
    if (text != list.text) write_text(prefix_ + std::string(kStoredPluginsKey), list.text, txn);
  }
  txn.writes.emplace_back(store::Put{own_prefix_ + "meta", encode(after), 0});
  return txn;
}

async::Task<base::Result<std::vector<std::string>>> PushedConfig::edit_lists(
    const std::vector<Change>& changes, Lists& lists) {
  std::map<std::string, std::vector<ListEdit>> edits;
  for (const Change& change : changes) {
    std::string key = change.key.substr(prefix_.size());
    const std::string list(list_of(key));
    edits[list].push_back({std::move(key), change.after ? &*change.after : nullptr});
  }
  std::vector<std::string> names;
  for (const auto& [name, of_list] : edits) {
    // Megabytes, perhaps, for one object.
    async::Background<base::Result<std::string>> editing(
        loop_, [&name, &text = lists[name], &of_list] { return edit_pushed_list(name, text, of_list); });
    auto edited = co_await editing.done();
    if (!edited) co_return std::unexpected(edited.error());
    lists[name] = std::move(*edited);
    names.push_back(name);
  }
  co_return names;
}

async::Task<base::Result<store::Txn>> PushedConfig::edit(const std::vector<Change>& changes) {
  const auto before = co_await read_meta();
  if (!before) co_return std::unexpected(before.error());
  auto stored = co_await store_.list(list_key(""));
  if (!stored) co_return std::unexpected(stored.error());
  Lists lists;
  for (store::Item& item : stored->items) lists[item.key.substr(list_key("").size())] = std::move(item.value);
  PushedMeta after = *before;
  const auto edited = co_await edit_lists(changes, lists);
  if (!edited) co_return std::unexpected(edited.error());
  for (const Change& change : changes) after.modified_indexes.erase(change.key.substr(prefix_.size()));
  std::size_t bytes = 0;
  for (const auto& [name, text] : lists) bytes += text.size();
  if (auto status = check_bytes(bytes); !status) co_return std::unexpected(status.error());
  const std::uint64_t now_ms = loop_.clock().wall_ms();
  after.exists = true;
  after.digest = "changed-" + make_history_id(now_ms, random_.next());
  after.last_modified = loop_.clock().wall_seconds();
  store::Txn txn = unless_pushed(*before);
  for (const std::string& name : *edited) {
    after.edited.insert(name);
    write_text(list_key(name), lists[name], txn);
  }
  txn.writes.emplace_back(store::Put{own_prefix_ + "meta", encode(after), 0});
  co_return txn;
}

}  // namespace apisix::admin
