#include "worker/admin/pushed_document.h"

#include <map>

#include <fmt/format.h>

#include "shared/format/json_fault.h"
#include "shared/format/json_utf8.h"
#include "shared/resource/fields.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;

base::Result<Json> parse_body(std::string_view body, bool is_yaml) {
  if (is_yaml) {
    auto yaml = resource::parse_yaml_value(body, "body");
    if (!yaml || !yaml->isObject()) return base::invalid("invalid yaml request body");
    return yaml;
  }
  auto json = format::parse_json_utf8(body);
  if (!json) return base::invalid(format::json_refusal(body, json.error().what));
  if (!json->isObject()) return base::invalid("expected an object of lists");
  return json;
}

// A consumer's name; a credential stands in the same list under its id.
std::string identity_of(std::string_view list, const Json& element) {
  const Json& id = find_member(element, "id");
  if (!id.isNull()) return format::to_json(id);
  return list == "consumers" ? format::to_json(find_member(element, "username")) : std::string();
}

PushedItem read_item(std::string_view list, unsigned position, Json& element) {
  PushedItem out;
  if (!element.isObject() || list == resource::kPluginsList) {
    out.item.value = std::move(element);
    out.id = "";
    return out;
  }
  const Json& id = find_member(element, "id");
  out.id = id.isNull() ? find_member(element, "username") : id;
  if (out.id.isNull()) out.id = "";
  out.identity = identity_of(list, element);
  out.modified_index = find_member(element, "modifiedIndex");
  out.item = resource::make_document_item(list, position, std::move(element));
  out.text = format::to_json(out.item.value);
  return out;
}

}  // namespace

std::string version_key(std::string_view list) {
  return std::string(list) + "_conf_version";
}

base::Result<std::vector<PushedList>> parse_pushed_document(std::string_view body, bool is_yaml) {
  auto document = parse_body(body, is_yaml);
  if (!document) return std::unexpected(document.error());
  std::vector<PushedList> out;
  for (const std::string_view name : resource::kDocumentLists) {
    PushedList& list = out.emplace_back();
    list.name = name;
    list.version = find_member(*document, version_key(name));
    Json& elements = (*document)[list.name];
    list.is_present = !elements.isNull();
    list.is_list = elements.isArray() || elements.isNull() || (elements.isObject() && elements.empty());
    if (!elements.isArray() || elements.empty()) continue;
    list.text = format::to_json(elements);
    for (Json::ArrayIndex i = 0; i < elements.size(); ++i) {
      list.items.push_back(read_item(name, i, elements[i]));
    }
  }
  return out;
}

Json pushed_element(std::string_view list, std::string_view key, Json value) {
  const std::string id(key.substr(list.size() + 2));  // behind "/routes/"
  const bool is_named = list == "consumers" && resource::text_field(value, "username") == id;
  if (!is_named) value["id"] = id;
  return value;
}

base::Result<std::string> edit_pushed_list(std::string_view list, std::string_view text,
                                           const std::vector<ListEdit>& edits) {
  auto elements = format::parse_json(text.empty() ? "[]" : text);
  if (!elements || !elements->isArray()) return base::invalid(fmt::format("the list {} is damaged", list));
  std::map<std::string_view, const ListEdit*> open;
  for (const ListEdit& edit : edits) open[edit.key] = &edit;
  const auto parsed = [&list](const ListEdit& edit) {
    return pushed_element(list, edit.key, format::parse_json(*edit.text).value_or(Json(::Json::objectValue)));
  };
  Json out(::Json::arrayValue);
  for (Json::ArrayIndex i = 0; i < elements->size(); ++i) {
    Json& element = (*elements)[i];
    const std::string key = resource::make_document_item(list, i, element).key;
    if (identity_of(list, element).empty()) element = pushed_element(list, key, std::move(element));
    const auto edit = open.find(key);
    if (edit == open.end()) {
      out.append(std::move(element));
      continue;
    }
    if (edit->second->text != nullptr) out.append(parsed(*edit->second));
    open.erase(edit);
  }
  for (const ListEdit& edit : edits) {
    if (edit.text != nullptr && open.contains(edit.key)) out.append(parsed(edit));
  }
  return out.empty() ? std::string() : format::to_json(out);
}

}  // namespace apisix::admin
