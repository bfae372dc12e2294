#include "worker/plugin/compiled_schemas.h"

#include <unordered_map>
#include <utility>

#include "shared/base/check.h"
#include "shared/format/read.h"

namespace apisix::plugin {
namespace {

using format::Json;

// What APISIX adds to the schema of every plugin.
constexpr std::string_view kMetaSchema = R"({
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "disable": {"type": "boolean"},
    "error_response": {"oneOf": [{"type": "string"}, {"type": "object"}]},
    "filter": {"type": "array",
               "description": "filter determines whether the plugin needs to be executed at runtime"},
    "pre_function": {"type": "string",
                     "description": "function to be executed in each phase before execution of plugins. The pre_function will have access to two arguments: `conf` and `ctx`."},
    "priority": {"type": "integer", "description": "priority of plugins by customized order"}
  }
})";
constexpr const char* kMetaComment = "this is a mark for our injected plugin schema";

void add_meta(Json& schema) {
  schema["$comment"] = kMetaComment;
  schema["properties"]["_meta"] = *format::parse_json(kMetaSchema);
}

// Null: there is none.
base::Result<std::optional<CompiledSchema>> compile_one(const Json& json) {
  if (!json.isObject()) return std::nullopt;
  auto schema = format::Schema::compile(json);
  if (!schema) return std::unexpected(schema.error());
  return CompiledSchema{json, std::move(*schema)};
}

}  // namespace

base::Result<CompiledSchemas> CompiledSchemas::compile(std::string_view schemas) {
  auto all = format::parse_json(schemas);
  if (!all) return std::unexpected(all.error());
  if (!format::find_member(*all, "schema").isObject()) return base::invalid("\"schema\" is missing");
  add_meta((*all)["schema"]);
  if (all->isMember("stream_schema")) add_meta((*all)["stream_schema"]);
  CompiledSchemas out;
  out.checks_itself = format::is_true(format::find_member(*all, kChecksItself));
  for (auto [member, part] :
       {std::pair("schema", &out.resource), std::pair("consumer_schema", &out.consumer),
        std::pair("metadata_schema", &out.metadata), std::pair("stream_schema", &out.stream)}) {
    auto compiled = compile_one(format::find_member(*all, member));
    if (!compiled) return std::unexpected(compiled.error());
    *part = std::move(*compiled);
  }
  return out;
}

base::Status check_schemas(std::span<const PluginKind* const> kinds) {
  for (const PluginKind* kind : kinds) {
    if (const auto schemas = CompiledSchemas::compile(kind->schemas()); !schemas) {
      return base::invalid("the schemas of plugin " + std::string(kind->info().name) +
                           " cannot be used: " + schemas.error().what);
    }
  }
  return {};
}

const CompiledSchemas& schemas_of(const PluginKind& kind) {
  thread_local std::unordered_map<const PluginKind*, CompiledSchemas> compiled;
  const auto known = compiled.find(&kind);
  if (known != compiled.end()) return known->second;
  auto schemas = CompiledSchemas::compile(kind.schemas());
  CHECK(schemas.has_value());
  return compiled.emplace(&kind, std::move(*schemas)).first->second;
}

const format::Schema& any_object_schema() {
  thread_local const auto schema =
      format::Schema::compile(*format::parse_json(R"({"type": "object", "properties": {}})"));
  return *schema;
}

}  // namespace apisix::plugin
