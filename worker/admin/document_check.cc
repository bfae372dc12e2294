#include "worker/admin/document_check.h"

#include <optional>
#include <set>
#include <string>

#include <fmt/format.h>

#include "shared/format/yaml.h"
#include "shared/resource/document.h"
#include "shared/resource/fields.h"
#include "worker/admin/reply.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;
using resource::Kind;

constexpr const char* kFailed = "Configuration validation failed";
constexpr std::string_view kCredentials = "/credentials/";

const char* lua_type(const Json& value) {
  if (value.isString()) return "string";
  if (value.isBool()) return "boolean";
  if (value.isNull()) return "userdata";  // as cjson's null
  return value.isNumeric() ? "number" : "table";
}

// A list of the document while it is checked.
struct List {
  std::string_view name;
  std::optional<Kind> kind;  // none: the list of plugins, whose items are not looked into
  Json& faults;

  void add(std::string error) const {
    Json fault(::Json::objectValue);
    fault["resource_type"] = std::string(name);
    fault["error"] = std::move(error);
    faults.append(std::move(fault));
  }
  void add(const Json& item, Json::ArrayIndex index, std::string error) const {
    add(std::move(error));
    Json& fault = faults[faults.size() - 1];
    const Json& id = find_member(item, "id");
    const Json& username = find_member(item, "username");
    fault["resource_id"] = !id.isNull() ? id : !username.isNull() ? username : Json("");
    fault["index"] = index;
  }
};

// Where the item would be; the error of one that says so wrongly.
base::Result<ResourcePath> place_of(const List& list, const Json& item) {
  const std::string id = resource::id_field(item, "id");
  ResourcePath path{.kind = *list.kind, .parent = "", .id = id, .sub_path = ""};
  if (path.kind == Kind::kConsumer && id.contains(kCredentials)) {
    const auto at = id.find(kCredentials);
    path = {Kind::kCredential, id.substr(0, at), id.substr(at + kCredentials.size()), ""};
  }
  if (path.kind == Kind::kSecret) {
    const auto slash = id.find('/');
    if (slash == std::string::npos) return base::invalid("invalid secret id: " + (id.empty() ? "nil" : id));
    path.parent = id.substr(0, slash);
    path.id = id.substr(slash + 1);
  }
  return path;
}

async::Task<void> check_item(const List& list, const Json& item, Json::ArrayIndex index,
                             const WriteRules& rules) {
  const auto path = place_of(list, item);
  if (!path) {
    list.add(item, index, path.error().what);
    co_return;
  }
  const auto refused = co_await rules.check(*path, item, WriteRules::References::kNotAsked);
  if (refused) list.add(item, index, refused->what.error_msg);
}

// "found duplicate id 1 in routes", or nothing.
std::string duplicate_text(const List& list, const Json& item, std::set<std::string>& seen) {
  const bool is_consumer = list.kind == Kind::kConsumer;
  std::string id = resource::id_field(item, "id");
  const char* what = is_consumer ? "credential id" : "id";
  if (id.empty() && is_consumer) {
    id = resource::text_field(item, "username");
    what = "username";
  }
  if (id.empty() || seen.insert(id).second) return "";
  return fmt::format("found duplicate {} {} in {}", what, id, list.name);
}

base::Result<Json> parse_document_body(const proxy::LocalRequest& request) {
  if (request.body.empty()) return base::invalid("empty request body");
  const std::string_view type = request.headers->value(http::KnownHeader::kContentType);
  if (!type.starts_with("application/yaml")) return format::parse_json(request.body);
  auto yaml = format::parse_yaml(request.body, "body", format::YamlLines::kSkip);
  if (!yaml || !(yaml->value.isObject() || yaml->value.isArray()))
    return base::invalid("invalid yaml request body");
  return std::move(yaml->value);
}

}  // namespace

async::Task<Json> check_document(const Json& document, const WriteRules& rules) {
  Json faults(::Json::arrayValue);
  for (const std::string_view name : resource::kDocumentLists) {
    const List list{name, resource::find_kind_by_plural(name), faults};
    const std::string version_name = std::string(name) + "_conf_version";
    const Json& version = find_member(document, version_name);
    if (document.isObject() && document.isMember(version_name) && !version.isNumeric()) {
      list.add(fmt::format("{} must be a number, got {}", version_name, lua_type(version)));
    }
    const Json& items = find_member(document, name);
    if (!items.isNull() && !items.isArray() && !(items.isObject() && items.empty())) {
      list.add(fmt::format("{} must be an array", name));
    }
    std::set<std::string> seen;
    for (Json::ArrayIndex i = 0; items.isArray() && i < items.size(); ++i) {
      if (list.kind) co_await check_item(list, items[i], i, rules);
      const std::string duplicate = duplicate_text(list, items[i], seen);
      if (!duplicate.empty()) list.add(items[i], i, duplicate);
    }
  }
  co_return faults;
}

async::Task<proxy::LocalAnswer> validate_document(const proxy::LocalRequest& request,
                                                  const WriteRules& rules) {
  const auto document = parse_document_body(request);
  if (!document) co_return error_answer(400, "invalid request body: " + document.error().what);
  Json faults = document->isObject() || document->isArray() ? co_await check_document(*document, rules)
                                                            : Json(::Json::arrayValue);
  if (!document->isObject() && !document->isArray()) {
    faults.append(Json(::Json::objectValue))["error"] = "the document must be a map";
  }
  if (faults.empty()) co_return json_answer(200, Json(::Json::objectValue));
  Json body(::Json::objectValue);
  body["error_msg"] = kFailed;
  body["errors"] = std::move(faults);
  co_return json_answer(400, body);
}

}  // namespace apisix::admin
