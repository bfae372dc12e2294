#include "worker/admin/openapi.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "shared/base/check.h"
#include "shared/base/version.h"
#include "shared/resource/kind.h"
#include "shared/resource/schemas.h"

namespace apisix::admin {
namespace {

using format::Json;
using resource::Kind;
using resource::KindInfo;

constexpr const char* kDialect = "http://json-schema.org/draft-07/schema#";  // of APISIX's schemas

// What is no object of the table of kinds.
struct Endpoint {
  std::string_view path;
  std::string_view method;
  std::string_view summary;
  bool has_body = false;
  bool of_pushed = false;  // served where the configuration is pushed as a whole
};
constexpr std::array kEndpoints = {
    Endpoint{"/schema/{name}", "get", "The schema of a kind of object"},
    Endpoint{"/schema/plugins/{name}", "get", "The schema of a plugin"},
    Endpoint{"/schema/validate/{plural}", "post", "Checks an object against its schema, and stores nothing",
             true},
    Endpoint{"/plugins/list", "get", "The names of the enabled plugins, by priority"},
    Endpoint{"/plugins/{name}", "get", "The schema of a plugin"},
    Endpoint{"/plugins/reload", "put", "Reads the list of plugins in config.yaml again"},
    Endpoint{"/configs/validate", "post", "Checks a whole configuration, and stores nothing", true, true},
    Endpoint{"/configs/apply", "post", "Puts and deletes many objects at once, all or none", true, true},
    Endpoint{"/history", "get", "Who changed what and when, the newest first", false, true},
    Endpoint{"/history/{revision}", "get", "One change, with the values before and after", false, true},
    Endpoint{"/history/{revision}/diff", "get", "What one change made different", false, true},
    Endpoint{"/history/{revision}/rollback", "post", "Back to how it was right after a change", false, true},
    Endpoint{"/explain", "post", "What the gateway would do with a request, which is not sent", true, true},
    Endpoint{"/lint", "get", "What is wrong or useless in the configuration", false, true},
    Endpoint{"/openapi.json", "get", "This document", false, true},
};
constexpr std::array kPushedEndpoints = {
    Endpoint{"/configs", "get", "The whole configuration", false, true},
    Endpoint{"/configs", "put", "Replaces the whole configuration", true, true},
    Endpoint{"/configs", "head", "When and what was pushed last, in headers", false, true},
};

Json object(std::initializer_list<std::pair<const char*, Json>> members) {
  Json out(::Json::objectValue);
  for (const auto& [name, value] : members) out[name] = value;
  return out;
}

Json reference(const std::string& to) {
  return object({{"$ref", "#/components/" + to}});
}

Json json_content(Json schema) {
  return object({{"application/json", object({{"schema", std::move(schema)}})}});
}

Json response(const char* description, Json schema) {
  return object({{"description", description}, {"content", json_content(std::move(schema))}});
}

Json path_parameter(const std::string& name) {
  return object(
      {{"name", name}, {"in", "path"}, {"required", true}, {"schema", object({{"type", "string"}})}});
}

// "/consumers/{username}/credentials/{id}" has two.
Json path_parameters(std::string_view path) {
  Json out(::Json::arrayValue);
  for (auto open = path.find('{'); open != std::string_view::npos; open = path.find('{', open + 1)) {
    out.append(path_parameter(std::string(path.substr(open + 1, path.find('}', open) - open - 1))));
  }
  return out;
}

// --- objects

// The schema of what is written; a secret's depends on the manager, which is in its path.
Json body_schema(const KindInfo& info) {
  if (!info.schema.empty()) return reference("schemas/" + std::string(info.schema));
  Json any(::Json::arrayValue);
  for (const auto& schema : resource::embedded_schemas()) {
    if (schema.name.starts_with(std::string(info.name) + "_")) {
      any.append(reference("schemas/" + std::string(schema.name)));
    }
  }
  return object({{"anyOf", std::move(any)}});
}

std::string collection_path(const KindInfo& info) {
  const std::string plural(info.plural);
  if (info.kind == Kind::kSecret) return "/secrets/{manager}";
  const auto parent = resource::parent_of(info.kind);
  if (!parent) return "/" + plural;
  const std::string id =
      *parent == Kind::kConsumer ? "username" : std::string(resource::info_of(*parent).name) + "_id";
  return "/" + std::string(resource::info_of(*parent).plural) + "/{" + id + "}/" + plural;
}

std::string id_name(Kind kind) {
  if (kind == Kind::kConsumer) return "username";
  return kind == Kind::kPluginMetadata ? "plugin" : "id";
}

class Operations {
 public:
  explicit Operations(const KindInfo& info) : info_(info) {}

  Json read_list() const {
    Json out = operation("list", "Lists " + words() + "s");
    for (const char* name : {"page", "page_size", "name", "label", "uri", "filter"}) {
      out["parameters"].append(reference(std::string("parameters/") + name));
    }
    out["responses"]["200"] = response("the objects", reference("schemas/List"));
    return out;
  }
  Json read() const {
    Json out = operation("get", "Shows one " + words());
    out["responses"]["200"] = response("the object", reference("schemas/Item"));
    out["responses"]["404"] = reference("responses/NotFound");
    return out;
  }
  // `statuses`: 200 for an object that was there before, 201 for a new one.
  Json write(const char* verb, const std::string& summary,
             std::initializer_list<const char*> statuses) const {
    Json out = operation(verb, summary);
    for (const char* name : {"ttl", "dry_run", "wait"}) {
      out["parameters"].append(reference(std::string("parameters/") + name));
    }
    out["requestBody"] = object({{"required", true}, {"content", json_content(body_schema(info_))}});
    for (const char* status : statuses) {
      out["responses"][status] = response("stored", reference("schemas/Item"));
    }
    return out;
  }
  Json patch() const {
    Json out = write("patch", "Merges members into one " + words(), {"200"});
    // A part of an object need not have what the whole must have.
    out["requestBody"] =
        object({{"required", true}, {"content", json_content(object({{"type", "object"}}))}});
    out["responses"]["404"] = reference("responses/NotFound");
    return out;
  }
  Json remove() const {
    Json out = operation("delete", "Deletes one " + words());
    for (const char* name : {"force", "dry_run", "wait"}) {
      out["parameters"].append(reference(std::string("parameters/") + name));
    }
    out["responses"]["200"] = response("deleted", reference("schemas/Deleted"));
    out["responses"]["404"] = reference("responses/NotFound");
    return out;
  }
  std::string words() const { return std::string(info_.words); }

 private:
  Json operation(const char* verb, const std::string& summary) const {
    Json out(::Json::objectValue);
    out["operationId"] = std::string(verb) + "_" + std::string(info_.name);
    out["summary"] = summary;
    out["tags"].append(std::string(info_.plural));
    out["parameters"] = Json(::Json::arrayValue);
    out["responses"]["400"] = reference("responses/Refused");
    out["responses"]["401"] = reference("responses/Unauthorized");
    return out;
  }

  const KindInfo& info_;
};

void add_kind(const KindInfo& info, Json& paths) {
  const Operations operations(info);
  const std::string base = collection_path(info);
  const std::string item = base + "/{" + id_name(info.kind) + "}";
  Json& collection = paths[info.kind == Kind::kSecret ? "/secrets" : base];
  collection["get"] = operations.read_list();
  if (info.can_post) {
    collection["post"] = operations.write("create", "Stores a new " + operations.words(), {"201"});
  }
  if (info.kind == Kind::kConsumer) {
    collection["put"] =
        operations.write("put_named", "Stores the consumer that the body names", {"200", "201"});
  }
  if (const Json parameters = path_parameters(info.kind == Kind::kSecret ? "" : base); !parameters.empty()) {
    collection["parameters"] = parameters;
  }
  Json& one = paths[item];
  one["parameters"] = path_parameters(item);
  one["get"] = operations.read();
  one["put"] = operations.write("put", "Stores or replaces one " + operations.words(), {"200", "201"});
  if (info.can_patch) one["patch"] = operations.patch();
  one["delete"] = operations.remove();
}

// --- the rest

std::string operation_id(const Endpoint& endpoint) {
  std::string out(endpoint.method);
  for (const char c : endpoint.path) {
    if (c == '/' || c == '.') {
      out += '_';
    } else if (c != '{' && c != '}') {
      out += c;
    }
  }
  return out;
}

void add_endpoint(const Endpoint& endpoint, Json& paths) {
  Json& path = paths[std::string(endpoint.path)];
  if (const Json parameters = path_parameters(endpoint.path); !parameters.empty())
    path["parameters"] = parameters;
  Json& operation = path[std::string(endpoint.method)];
  operation["operationId"] = operation_id(endpoint);
  operation["summary"] = std::string(endpoint.summary);
  operation["tags"].append("gateway");
  if (endpoint.has_body) {
    operation["requestBody"] =
        object({{"required", true}, {"content", json_content(Json(::Json::objectValue))}});
  }
  operation["responses"]["200"] = response("done", Json(::Json::objectValue));
  operation["responses"]["400"] = reference("responses/Refused");
  operation["responses"]["401"] = reference("responses/Unauthorized");
}

Json typed(const char* type, const char* description = nullptr) {
  Json out = object({{"type", type}});
  if (description != nullptr) out["description"] = description;
  return out;
}

void add_schemas(const plugin::PluginSet& plugins, Json& schemas) {
  for (const auto& schema : resource::embedded_schemas()) {
    const auto parsed = format::parse_json(schema.text);
    CHECK(parsed.has_value());
    schemas[std::string(schema.name)] = *parsed;
  }
  for (const plugin::PluginKind* kind : plugins.enabled()) {
    const std::string name = "plugin." + std::string(kind->info().name);
    const auto add = [&](const std::string& key, plugin::ConfScope scope) {
      if (const Json* schema = plugin::PluginSet::schema_json(*kind, scope)) schemas[key] = *schema;
    };
    add(name, plugin::ConfScope::kResource);
    add(name + ".consumer", plugin::ConfScope::kConsumer);
    add(name + ".metadata", plugin::ConfScope::kMetadata);
  }
}

// The parts of every response.
void add_shapes(Json& schemas) {
  const Json index = typed("integer", "a revision of the store");
  schemas["Item"] = object({{"type", "object"},
                            {"properties", object({{"key", typed("string")},
                                                   {"value", typed("object")},
                                                   {"createdIndex", index},
                                                   {"modifiedIndex", index}})}});
  schemas["List"] =
      object({{"type", "object"},
              {"properties",
               object({{"total", typed("integer", "before paging")},
                       {"list", object({{"type", "array"}, {"items", reference("schemas/Item")}})}})}});
  schemas["Deleted"] =
      object({{"type", "object"},
              {"properties",
               object({{"key", typed("string")}, {"deleted", typed("string", "how many, as text")}})}});
  schemas["Error"] =
      object({{"type", "object"},
              {"properties", object({{"error_msg", typed("string")}, {"message", typed("string")}})}});
}

Json query_parameter(const char* name, const char* description) {
  return object({{"name", name}, {"in", "query"}, {"description", description}, {"schema", typed("string")}});
}

void add_parameters(Json& parameters) {
  const std::pair<const char*, const char*> rows[] = {
      {"page", "the page, from 1"},
      {"page_size", "objects on a page, 10 to 500"},
      {"name", "a regular expression that the name must match"},
      {"label", "a label's key that must be there"},
      {"uri", "a regular expression that a uri must match"},
      {"filter", "fields that must be equal, as an escaped query string: service_id%3D1"},
      {"ttl", "seconds after which the object deletes itself"},
      {"dry_run", "true: check everything, and store nothing"},
      {"wait", "milliseconds to wait until all workers have applied it; 202 when some have not"},
      {"force", "true: also when others name the object"}};
  for (const auto& [name, description] : rows) parameters[name] = query_parameter(name, description);
}

Json components(const plugin::PluginSet& plugins) {
  Json out(::Json::objectValue);
  add_schemas(plugins, out["schemas"]);
  add_shapes(out["schemas"]);
  add_parameters(out["parameters"]);
  Json& responses = out["responses"];
  responses["Refused"] = response("refused; nothing was changed", reference("schemas/Error"));
  responses["Unauthorized"] = response("no key, or a wrong one", reference("schemas/Error"));
  responses["NotFound"] = response("there is no such object", reference("schemas/Error"));
  out["securitySchemes"]["key"] = object({{"type", "apiKey"}, {"in", "header"}, {"name", "X-API-KEY"}});
  return out;
}

}  // namespace

Json make_openapi(const plugin::PluginSet& plugins, const settings::Settings& settings) {
  Json out(::Json::objectValue);
  out["openapi"] = "3.1.0";
  out["jsonSchemaDialect"] = kDialect;
  out["info"] =
      object({{"title", "APISIX Admin API"},
              {"version", std::string(base::kCompatibleVersion)},
              {"description", fmt::format("The Admin API of APISIX 3.18, as apisix-cpp {} serves it.",
                                          base::own_version())}});
  out["servers"].append(object({{"url", "/apisix/admin"}}));
  out["security"].append(object({{"key", Json(::Json::arrayValue)}}));
  Json& paths = out["paths"];
  const bool is_pushed = settings::takes_pushed_configuration(settings);
  for (const KindInfo& info : resource::all_kinds()) {
    if (!is_pushed) add_kind(info, paths);
  }
  for (const Endpoint& endpoint : kEndpoints) {
    if (!is_pushed || endpoint.of_pushed) add_endpoint(endpoint, paths);
  }
  for (const Endpoint& endpoint : kPushedEndpoints) {
    if (is_pushed) add_endpoint(endpoint, paths);
  }
  out["components"] = components(plugins);
  return out;
}

}  // namespace apisix::admin
