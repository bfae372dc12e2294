#include "worker/admin/configs_check.h"

#include <algorithm>
#include <span>
#include <unordered_set>

#include <fmt/format.h>

#include "shared/async/time_slice.h"
#include "shared/resource/fields.h"
#include "shared/resource/global_plugins.h"

namespace apisix::admin {
namespace {

using format::Json;

constexpr std::size_t kConfigFaultsListed = 1000;

std::string type_name(const Json& value) {
  if (value.isString()) return "string";
  if (value.isBool()) return "boolean";
  if (value.isNumeric()) return "number";
  return value.isNull() ? "userdata" : "table";
}

// "" = acceptable. The texts are APISIX's.
std::string fault_of_secret(const PushedItem& item) {
  const std::string id = resource::id_text(item.id);
  if (id.contains('/')) return "";
  return "invalid secret id: " + (id.empty() ? "nil" : id);
}

// Names of what is stored object by object: credentials and secrets have a parent.
ResourcePath path_of(resource::Kind kind, const PushedItem& item) {
  ResourcePath path{.kind = kind, .parent = "", .id = resource::id_text(item.id), .sub_path = ""};
  if (kind == resource::Kind::kConsumer) path.id = resource::id_field(item.item.value, "id");
  const auto first = path.id.find('/');
  const auto last = path.id.rfind('/');
  if (first == path.id.npos || (kind != resource::Kind::kCredential && kind != resource::Kind::kSecret))
    return path;
  path.parent = path.id.substr(0, first);
  path.id.erase(0, last + 1);
  return path;
}

std::string fault_of_modified_index(const Json& index) {
  if (index.isNull() || index.isIntegral()) return "";
  return "invalid configuration: property \"modifiedIndex\" validation failed: wrong type: expected integer, "
         "got " +
         type_name(index);
}

async::Task<std::string> fault_of_item(const PushedItem& item, const ConfigsCheck& check) {
  if (!item.item.kind) {
    co_return "invalid configuration: wrong type: expected object, got " + type_name(item.item.value);
  }
  const resource::Kind kind = *item.item.kind;
  if (kind == resource::Kind::kSecret) {
    if (std::string fault = fault_of_secret(item); !fault.empty()) co_return fault;
  }
  Json value = item.item.value;
  if (check.takes_modified_index) {
    if (std::string fault = fault_of_modified_index(item.modified_index); !fault.empty()) co_return fault;
  } else if (!item.modified_index.isNull()) {
    value["modifiedIndex"] = item.modified_index;  // no member of a stored object
  }
  const ResourcePath path = path_of(kind, item);
  if (check.rules != nullptr) {
    const auto refused = co_await check.rules->check(path, value, WriteRules::References::kNotAsked);
    co_return refused ? refused->what.error_msg : std::string();
  }
  const std::string path_id = kind == resource::Kind::kSecret ? path.item_id() : path.id;
  const auto found =
      resource::validate(kind, value, {.hooks = check.hooks, .is_stored = false, .path_id = path_id});
  co_return found.ok() ? std::string() : found.error_msg;
}

std::string fault_of_list(const PushedList& list, const ConfigsCheck& check) {
  if (!list.is_list) return list.name + " must be an array";
  if (list.version.isNull() || list.version.isNumeric()) return "";
  const std::string got = check.stops_at_first ? "" : ", got " + type_name(list.version);
  return version_key(list.name) + " must be a number" + got;
}

std::string duplicate_text(const PushedList& list, const PushedItem& item) {
  const bool is_consumer = list.name == "consumers";
  const bool has_id = !format::find_member(item.item.value, "id").isNull();
  const char* const what = !is_consumer ? "id" : has_id ? "credential id" : "username";
  return fmt::format("found duplicate {} {} in {}", what, resource::id_text(item.id), list.name);
}

}  // namespace

async::Task<std::vector<ConfigFault>> check_configs(event::Loop& loop, const std::vector<PushedList>& lists,
                                                    const ConfigsCheck& check) {
  std::vector<ConfigFault> out;
  async::TimeSlice slice(loop);
  for (const PushedList& list : lists) {
    if (std::string fault = fault_of_list(list, check); !fault.empty()) {
      out.push_back({list.name, Json(), std::nullopt, std::move(fault)});
      if (check.stops_at_first) co_return out;
    }
    if (list.name == resource::kPluginsList) continue;
    std::unordered_set<std::string> identities;
    resource::GlobalPlugins global_plugins;
    for (unsigned i = 0; i < list.items.size(); ++i) {
      const PushedItem& item = list.items[i];
      const bool is_known = check.is_known && check.is_known(item);
      std::string fault = is_known ? std::string() : co_await fault_of_item(item, check);
      if (!fault.empty()) out.push_back({list.name, item.id, i, std::move(fault)});
      if (!item.identity.empty() && !identities.insert(item.identity).second) {
        out.push_back({list.name, item.id, i, duplicate_text(list, item)});
      }
      if (item.item.kind == resource::Kind::kGlobalRule && fault.empty()) {
        fault = global_plugins.add_rule(resource::id_text(item.id), item.item.value);
        if (!fault.empty()) out.push_back({list.name, item.id, i, std::move(fault)});
      }
      if (check.stops_at_first && !out.empty()) co_return out;
      if (slice.is_over()) co_await slice.pause();
    }
  }
  co_return out;
}

Json faults_json(const std::vector<ConfigFault>& faults) {
  Json out(::Json::objectValue);
  out["error_msg"] = "Configuration validation failed";
  Json& errors = out["errors"] = Json(::Json::arrayValue);
  if (faults.size() > kConfigFaultsListed)
    out["left_out"] = static_cast<Json::UInt64>(faults.size() - kConfigFaultsListed);
  for (const ConfigFault& fault : std::span(faults).first(std::min(faults.size(), kConfigFaultsListed))) {
    Json& each = errors.append(Json(::Json::objectValue));
    each["resource_type"] = fault.list;
    each["error"] = fault.error;
    if (!fault.index) continue;
    each["resource_id"] = fault.id;
    each["index"] = *fault.index;
  }
  return out;
}

}  // namespace apisix::admin
