#include "master/view/object_columns.h"

#include <algorithm>

#include "shared/format/json.h"
#include "shared/format/read.h"

namespace apisix::master {
namespace {

using format::find_member;
using format::Json;
using Cells = std::vector<TextTable::Cell>;
using Side = TextTable::Side;

std::string cell_text(const Json& value) {
  if (value.isNull()) return "";
  if (value.isString()) return format::string_of(value);
  if (!value.isArray()) return format::to_json(value);
  std::string out;
  for (const Json& element : value) out += (out.empty() ? "" : ",") + cell_text(element);
  return out;
}

std::string field(const StoredObject& object, const char* name) {
  return cell_text(find_member(object.value, name));
}

std::string either(const StoredObject& object, const char* one, const char* many) {
  const std::string several = field(object, many);
  return several.empty() ? field(object, one) : several;
}

// The names only: what is configured may be secret.
std::string names_of(const Json& object) {
  std::string out;
  if (!object.isObject()) return out;
  for (const std::string& name : object.getMemberNames()) out += (out.empty() ? "" : ",") + name;
  return out;
}

std::string plugins_of(const StoredObject& object) {
  return names_of(find_member(object.value, "plugins"));
}

std::string upstream_of(const StoredObject& object) {
  const std::string id = field(object, "upstream_id");
  if (!id.empty()) return "upstream " + id;
  return cell_text(find_member(find_member(object.value, "upstream"), "nodes"));
}

std::string type_or(const StoredObject& object, const char* fallback) {
  const std::string type = field(object, "type");
  return type.empty() ? fallback : type;
}

// `status` 0 turns a route or a certificate off.
TextTable::Cell state_of(const StoredObject& object) {
  const Json& status = find_member(object.value, "status");
  if (status.isNumeric() && format::clamped<int>(status) == 0) return {"off", Tone::kWarning};
  return {"on"};
}

TextTable::Column wide(const char* title) {
  return {title, Side::kLeft, true};
}

Cells route_row(const StoredObject& object) {
  return {object.id,
          field(object, "name"),
          either(object, "uri", "uris"),
          either(object, "host", "hosts"),
          field(object, "methods"),
          field(object, "service_id"),
          upstream_of(object)};
}

Cells stream_route_row(const StoredObject& object) {
  return {object.id,
          field(object, "name"),
          field(object, "server_addr"),
          field(object, "server_port"),
          field(object, "remote_addr"),
          field(object, "sni"),
          upstream_of(object)};
}

// Anything but its fields with secrets in them.
Cells secret_row(const StoredObject& object) {
  return {object.id, either(object, "uri", "endpoint_url"), either(object, "prefix", "region")};
}

const std::vector<ObjectKind>& kinds() {
  static const std::vector<ObjectKind> all = {
      {"routes",
       {{"ID"}, wide("NAME"), wide("URI"), wide("HOST"), wide("METHODS"), {"SERVICE"}, wide("UPSTREAM")},
       route_row},
      {"services",
       {{"ID"}, wide("NAME"), wide("HOSTS"), wide("UPSTREAM")},
       [](const StoredObject& object) -> Cells {
         return {object.id, field(object, "name"), field(object, "hosts"), upstream_of(object)};
       }},
      {"upstreams",
       {{"ID"}, wide("NAME"), {"TYPE"}, wide("NODES")},
       [](const StoredObject& object) -> Cells {
         return {object.id, field(object, "name"), type_or(object, "roundrobin"), field(object, "nodes")};
       }},
      {"consumers",
       {wide("USERNAME"), {"GROUP"}, wide("PLUGINS"), wide("DESCRIPTION")},
       [](const StoredObject& object) -> Cells {
         return {object.id, field(object, "group_id"), plugins_of(object), field(object, "desc")};
       }},
      {"consumer_groups",
       {{"ID"}, wide("NAME"), wide("PLUGINS"), wide("DESCRIPTION")},
       [](const StoredObject& object) -> Cells {
         return {object.id, field(object, "name"), plugins_of(object), field(object, "desc")};
       }},
      {"ssls",
       {{"ID"}, wide("SNI"), {"TYPE"}, {"STATUS"}, wide("DESCRIPTION")},
       [](const StoredObject& object) -> Cells {
         return {object.id, either(object, "sni", "snis"), type_or(object, "server"), state_of(object),
                 field(object, "desc")};
       }},
      {"global_rules",
       {{"ID"}, wide("PLUGINS")},
       [](const StoredObject& object) -> Cells { return {object.id, plugins_of(object)}; }},
      {"plugin_configs",
       {{"ID"}, wide("NAME"), wide("PLUGINS"), wide("DESCRIPTION")},
       [](const StoredObject& object) -> Cells {
         return {object.id, field(object, "name"), plugins_of(object), field(object, "desc")};
       }},
      {"plugin_metadata",
       {{"PLUGIN"}, wide("FIELDS")},
       [](const StoredObject& object) -> Cells { return {object.id, names_of(object.value)}; }},
      {"protos",
       {{"ID"}, wide("NAME"), {"BYTES", Side::kRight}, wide("DESCRIPTION")},
       [](const StoredObject& object) -> Cells {
         return {object.id, field(object, "name"), std::to_string(field(object, "content").size()),
                 field(object, "desc")};
       }},
      {"secrets", {{"ID"}, wide("ADDRESS"), wide("PREFIX OR REGION")}, secret_row},
      {"stream_routes",
       {{"ID"},
        wide("NAME"),
        {"ADDRESS"},
        {"PORT", Side::kRight},
        wide("CLIENTS"),
        wide("SNI"),
        wide("UPSTREAM")},
       stream_route_row},
  };
  return all;
}

}  // namespace

const ObjectKind* find_object_kind(std::string_view folder) {
  const auto found = std::ranges::find(kinds(), folder, &ObjectKind::folder);
  return found == kinds().end() ? nullptr : &*found;
}

TextTable table_of(const ObjectKind& kind, const std::vector<StoredObject>& objects) {
  TextTable table(kind.titles);
  for (const StoredObject& object : objects) table.add(kind.row(object));
  return table;
}

}  // namespace apisix::master
