#include "worker/admin/change_set.h"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "shared/resource/document.h"
#include "shared/resource/fields.h"
#include "worker/admin/consumer_key.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;
using resource::Kind;

constexpr std::size_t kFaultsListed = 1000;

bool is_object_list(std::string_view name) {
  return name != resource::kPluginsList &&
         std::ranges::find(resource::kDocumentLists, name) != resource::kDocumentLists.end();
}

class Reader {
 public:
  base::Status read(Json& body) {
    for (const std::string& name : body.getMemberNames()) {
      if (name != "put" && name != "delete") {
        return base::invalid(fmt::format("unknown member \"{}\", expected \"put\" and \"delete\"", name));
      }
      if (!body[name].isObject())
        return base::invalid(fmt::format("\"{}\" must be an object of lists", name));
    }
    for (const bool is_delete : {false, true}) {
      is_delete_ = is_delete;
      Json& lists = body[is_delete ? "delete" : "put"];
      for (const std::string& list : lists.isObject() ? lists.getMemberNames() : Json::Members()) {
        if (!is_object_list(list)) return base::invalid("no list of objects has the name " + list);
        if (!lists[list].isArray()) return base::invalid(list + " must be an array");
        for (Json::ArrayIndex i = 0; i < lists[list].size(); ++i) read_element(list, i, lists[list][i]);
      }
    }
    if (out_.changes.size() + out_.faults.size() <= kSetChangesMax) return {};
    return base::invalid(fmt::format("{} changes are more than a set may have, {}",
                                     out_.changes.size() + out_.faults.size(), kSetChangesMax));
  }
  ChangeSet take() { return std::move(out_); }

 private:
  void read_element(const std::string& list, unsigned index, Json& element) {
    if (is_delete_) {
      read_id(list, index, element);
    } else {
      read_object(list, index, element);
    }
  }

  void refuse(const std::string& list, unsigned index, const std::string& id, std::string text) {
    out_.faults.push_back({list, is_delete_, id, index, {"", "set", std::move(text), {}, ""}});
  }

  void read_id(const std::string& list, unsigned index, const Json& element) {
    const std::string id = resource::id_text(element);
    const auto key = id.empty() ? std::nullopt : resource::parse_store_key("/" + list + "/" + id);
    if (!key) return refuse(list, index, id, "expected the id of an object, got " + format::to_json(element));
    add({.list = list, .index = index, .path = path_of_item(*key), .value = std::nullopt});
  }

  void read_object(const std::string& list, unsigned index, Json& element) {
    if (!element.isObject()) return refuse(list, index, "", "expected an object");
    const bool is_consumer = list == "consumers";
    std::string id = resource::id_field(element, "id");
    if (id.empty() && is_consumer) id = resource::text_field(element, "username");
    if (id.empty()) return refuse(list, index, "", is_consumer ? "missing username" : "missing id");
    if (!resource::parse_store_key("/" + list + "/" + id)) return refuse(list, index, id, "wrong id");
    auto item = resource::make_document_item(list, index, std::move(element));
    SetChange change{.list = list,
                     .index = index,
                     .path = path_of_item({*item.kind, std::move(id)}),
                     .value = std::move(item.value)};
    set_ids(change);
    add(std::move(change));
  }

  // As the Admin API stores it: ids are text, and those of sub-resources are their own.
  static void set_ids(SetChange& change) {
    Json& value = *change.value;
    const Kind kind = change.path.kind;
    const bool is_secret = kind == Kind::kSecret;
    if (resource::info_of(kind).has_body_id) value["id"] = is_secret ? change.path.item_id() : change.path.id;
    const std::string username = resource::text_field(value, "username");
    if (kind != Kind::kConsumer) return;
    const auto key = resource::parse_store_key(resource::store_key(kind, username));
    if (key && key->kind == kind) change.path.id = username;  // else the schema has something to say
  }

  void add(SetChange change) {
    if (keys_.insert(change.key()).second) {
      out_.changes.push_back(std::move(change));
    } else {
      refuse(change.list, *change.index, change.path.item_id(), "the set changes this object twice");
    }
  }

  ChangeSet out_;
  std::unordered_set<std::string> keys_;
  bool is_delete_ = false;
};

Json fault_json(const SetFault& fault) {
  Json out(::Json::objectValue);
  out["resource_type"] = fault.list;
  out["op"] = fault.is_delete ? "delete" : "put";
  out["resource_id"] = fault.id;
  if (fault.index) out["index"] = *fault.index;
  out["error"] = fault.fault.message;
  out["pointer"] = fault.fault.pointer;
  out["rule"] = fault.fault.rule;
  if (!fault.fault.hint.empty()) out["hint"] = fault.fault.hint;
  return out;
}

}  // namespace

ResourcePath path_of_item(const resource::ItemKey& key) {
  ResourcePath path{.kind = key.kind, .parent = "", .id = key.id, .sub_path = ""};
  const bool has_parent = resource::parent_of(key.kind).has_value() || key.kind == Kind::kSecret;
  const auto slash = key.id.find('/');
  if (!has_parent || slash == key.id.npos) return path;
  path.parent = key.id.substr(0, slash);
  path.id = key.id.substr(key.id.rfind('/') + 1);
  return path;
}

base::Result<ChangeSet> read_change_set(Json body) {
  if (!body.isObject()) return base::invalid("expected an object with \"put\" and \"delete\"");
  Reader reader;
  if (auto status = reader.read(body); !status) return std::unexpected(status.error());
  return reader.take();
}

void check_unique_keys(const SetChange& change, const plugin::PluginSet& plugins,
                       std::map<std::string, const SetChange*>& owners, std::vector<SetFault>& faults) {
  const bool is_credential = change.path.kind == Kind::kCredential;
  if (!change.value || (!is_credential && change.path.kind != Kind::kConsumer)) return;
  const auto name_of = [](const SetChange& owner) {
    return owner.path.parent.empty() ? owner.path.id : owner.path.parent;
  };
  for (const ConsumerKey& key : consumer_keys(find_member(*change.value, "plugins"), plugins)) {
    const auto [owner, is_new] = owners.emplace(key.plugin + ' ' + key.value, &change);
    // As for single writes: a consumer may have its own credential's key.
    const bool is_own =
        name_of(*owner->second) == name_of(change) && owner->second->path.kind != change.path.kind;
    if (is_new || is_own) continue;
    add_fault(change, "unique",
              fmt::format("duplicate {} of plugin {} found in the set with {} [{}]", key.member, key.plugin,
                          resource::info_of(owner->second->path.kind).words, owner->second->path.item_id()),
              faults);
  }
}

void add_fault(const SetChange& change, std::string rule, std::string text, std::vector<SetFault>& faults) {
  faults.push_back({change.list,
                    change.is_delete(),
                    change.path.item_id(),
                    change.index,
                    {"", std::move(rule), std::move(text), {}, ""}});
}

void add_faults(const SetChange& change, const Refusal& refusal, std::vector<SetFault>& faults) {
  if (refusal.what.faults.empty()) return add_fault(change, "rule", refusal.what.error_msg, faults);
  for (const format::Fault& fault : refusal.what.faults) {
    faults.push_back({change.list, change.is_delete(), change.path.item_id(), change.index, fault});
  }
}

Json faults_json(const std::vector<SetFault>& faults) {
  Json out(::Json::objectValue);
  out["error_msg"] = fmt::format("the set is refused, nothing was stored: {} {}", faults.size(),
                                 faults.size() == 1 ? "fault" : "faults");
  Json& errors = out["errors"] = Json(::Json::arrayValue);
  for (const SetFault& fault : faults) {
    if (errors.size() >= kFaultsListed) break;
    errors.append(fault_json(fault));
  }
  return out;
}

}  // namespace apisix::admin
