#include "shared/resource/document.h"

#include <unordered_map>

#include <fmt/format.h>

#include "shared/format/json_utf8.h"
#include "shared/resource/fields.h"

namespace apisix::resource {
namespace {

using format::find_member;
using format::Json;

constexpr std::size_t kShownBytesMax = 200;

std::string shown(const Json& value) {
  std::string text = format::to_json(value);
  if (text.size() > kShownBytesMax) text.replace(kShownBytesMax, text.npos, "...");
  return text;
}

// To APISIX, a YAML null is an empty table: what is written `key-auth:` has no fields, but is there.
void fill_nulls(Json& value) {
  if (value.isNull()) value = Json(::Json::objectValue);
  if (!value.isObject() && !value.isArray()) return;
  for (Json& child : value) fill_nulls(child);
}

base::Result<format::Yaml> parse_yaml_document(std::string_view text, const std::string& name,
                                               const format::EnvironmentLookup& environment,
                                               format::YamlLines lines) {
  if (!has_document_end(text)) return base::invalid("missing valid end flag in file " + name);
  format::Variables used;
  const auto resolved = format::replace_variables_in_yaml(text, environment, used);
  if (!resolved) return base::invalid(name + ": failed to handle configuration: " + resolved.error().what);
  auto parsed = format::parse_yaml(*resolved, name, lines);
  if (parsed && parsed->value.isObject()) fill_nulls(parsed->value);
  return parsed;
}

base::Result<format::Yaml> parse_json_document(std::string_view text, const std::string& name,
                                               const format::EnvironmentLookup& environment,
                                               format::YamlLines lines) {
  auto value = format::parse_json_utf8(text);
  if (!value) return base::invalid(name + ": failed to decode json: " + value.error().what);
  format::Yaml out;
  if (lines == format::YamlLines::kKeep) {  // JSON is YAML: only the lines are wanted
    if (auto yaml = format::parse_yaml(text, name, lines)) out.lines = std::move(yaml->lines);
  }
  out.value = std::move(*value);
  format::Variables used;
  const auto replaced = format::replace_variables_in_json(out.value, environment, used);
  if (!replaced) return base::invalid(name + ": failed to handle configuration: " + replaced.error().what);
  return out;
}

// Of an item of `list`, at `position` from 0.
std::string id_of(const Json& item, Json::ArrayIndex position) {
  std::string id = id_field(item, "id");
  if (id.empty()) id = text_field(item, "username");
  return id.empty() ? fmt::format("arr_{}", position + 1) : id;
}

// As the Admin API stores it: with its id where the kind has one, without what is only the document's.
void shape(Json& item, Kind kind, const std::string& id) {
  item.removeMember("modifiedIndex");
  if (kind == Kind::kPluginMetadata) item.removeMember("id");
  if (info_of(kind).has_body_id && find_member(item, "id").isNull()) item["id"] = id;
}

class Reader {
 public:
  Document take() { return std::move(out_); }

  void read_list(std::string_view list, Json& elements) {
    if (elements.empty()) return;  // also an empty map, as in Lua
    if (!elements.isArray()) {
      out_.faults.push_back({std::string(list), "expected a list, got " + shown(elements)});
      return;
    }
    for (Json::ArrayIndex i = 0; i < elements.size(); ++i) read_item(list, i, elements[i]);
  }

  // One item, the list itself; nothing written behind the name is an empty list.
  void read_plugins(Json& plugins) {
    if (plugins.empty()) plugins = Json(::Json::arrayValue);
    out_.items.push_back(
        {std::string(kPluginsList), "/" + std::string(kPluginsList), std::nullopt, std::move(plugins)});
  }

 private:
  void read_item(std::string_view list, Json::ArrayIndex position, Json& item) {
    if (!item.isObject()) {
      out_.faults.push_back(
          {fmt::format("{}[{}]", list, position), "it should be an object, got " + shown(item)});
      return;
    }
    add(make_document_item(list, position, std::move(item)));
  }

  void add(DocumentItem item) {
    const auto [known, is_new] = by_key_.emplace(item.key, out_.items.size());
    if (is_new) {
      out_.items.push_back(std::move(item));
    } else {
      out_.items[known->second] = std::move(item);
    }
  }

  Document out_;
  std::unordered_map<std::string, std::size_t> by_key_;
};

}  // namespace

bool has_document_end(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n\v\f");
  return last != text.npos && text.substr(0, last + 1).ends_with(kDocumentEnd);
}

base::Result<format::Yaml> parse_document(std::string_view text, const std::string& name,
                                          DocumentFormat format, const format::EnvironmentLookup& environment,
                                          format::YamlLines lines) {
  auto parsed = format == DocumentFormat::kYaml ? parse_yaml_document(text, name, environment, lines)
                                                : parse_json_document(text, name, environment, lines);
  if (!parsed) return parsed;
  if (!parsed->value.isObject()) {
    return base::invalid(fmt::format("{}: expected a map of lists such as routes, got {}", name,
                                     parsed->value.isNull() ? "an empty document" : shown(parsed->value)));
  }
  return parsed;
}

base::Result<Json> parse_yaml_value(std::string_view text, const std::string& name) {
  auto parsed = format::parse_yaml(text, name, format::YamlLines::kSkip);
  if (!parsed) return std::unexpected(parsed.error());
  if (!parsed->value.isNull()) fill_nulls(parsed->value);
  return std::move(parsed->value);
}

DocumentItem make_document_item(std::string_view list, unsigned position, Json element) {
  const std::string id = id_of(element, position);
  std::string key = fmt::format("/{}/{}", list, id);
  const auto place = parse_store_key(key);
  const Kind kind = place ? place->kind : *find_kind_by_plural(list);
  shape(element, kind, id);
  return {fmt::format("{}[{}]", list, position), std::move(key), kind, std::move(element)};
}

Document read_document(Json root) {
  Reader reader;
  if (!root.isObject()) return reader.take();
  for (const std::string_view list : kDocumentLists) {
    const std::string name(list);
    if (!root.isMember(name)) continue;
    if (list == kPluginsList) {
      reader.read_plugins(root[name]);
    } else {
      reader.read_list(list, root[name]);
    }
  }
  return reader.take();
}

}  // namespace apisix::resource
