#include "worker/plugin/plugin_set.h"

#include <algorithm>
#include <map>
#include <optional>

#include "shared/base/check.h"
#include "shared/base/log.h"
#include "shared/format/built.h"
#include "shared/format/read.h"
#include "shared/resource/encrypted_fields.h"
#include "worker/plugin/plugin_schemas.h"
#include "worker/route/match_rule.h"

namespace apisix::plugin {
namespace {

using format::find_member;

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

struct Compiled {
  Json json;
  format::Schema schema;
};

struct Schemas {
  std::optional<Compiled> resource;
  std::optional<Compiled> consumer;
  std::optional<Compiled> metadata;
};

std::optional<Compiled> compile(const Json& json) {
  if (!json.isObject()) return std::nullopt;
  auto schema = format::Schema::compile(json);
  CHECK(schema.has_value());
  return Compiled{json, std::move(*schema)};
}

Schemas compile_all(std::string_view name) {
  auto all = format::parse_json(find_plugin_schema(name));
  CHECK(all.has_value());
  Json& resource = (*all)["schema"];
  resource["$comment"] = kMetaComment;
  resource["properties"]["_meta"] = *format::parse_json(kMetaSchema);
  return {compile(resource), compile(find_member(*all, "consumer_schema")),
          compile(find_member(*all, "metadata_schema"))};
}

// Per thread: a compiled schema holds regular expressions, which belong to one thread.
const Schemas& schemas_of(const PluginDef& def) {
  thread_local std::map<std::string_view, Schemas> compiled;
  const auto known = compiled.find(def.info.name);
  if (known != compiled.end()) return known->second;
  return compiled.emplace(def.info.name, compile_all(def.info.name)).first->second;
}

// A plugin without a schema of its own for consumers is configured there as anywhere else.
const Compiled* find_schema(const PluginDef& def, ConfScope scope) {
  const Schemas& schemas = schemas_of(def);
  if (scope == ConfScope::kMetadata) return schemas.metadata ? &*schemas.metadata : nullptr;
  if (scope == ConfScope::kConsumer && schemas.consumer) return &*schemas.consumer;
  return schemas.resource ? &*schemas.resource : nullptr;
}

base::Status check_filter(const Json& conf) {
  const Json& filter = find_member(find_member(conf, "_meta"), "filter");
  if (!filter.isArray()) return {};
  const auto rule = route::MatchRule::compile(filter);
  if (!rule) return base::invalid("failed to validate the 'vars' expression: " + rule.error().what);
  return {};
}

resource::Validation check_schema(const format::Schema& schema, Json& conf) {
  const auto status = schema.check(conf);
  if (status) return {};
  return {status.error().what, schema.faults(conf)};
}

// Of the metadata of a plugin that has no schema for it.
const format::Schema& any_object() {
  thread_local const Compiled schema =
      *compile(*format::parse_json(R"({"type": "object", "properties": {}})"));
  return schema.schema;
}

ConfScope conf_scope_of(resource::PluginScope scope) {
  return scope == resource::PluginScope::kConsumer ? ConfScope::kConsumer : ConfScope::kResource;
}

}  // namespace

bool is_disabled(const Json& conf) {
  const Json& disable = find_member(find_member(conf, "_meta"), "disable");
  return format::is_true(disable);
}

PluginSet::PluginSet(std::span<const PluginDef* const> catalog, const std::vector<std::string>& enabled,
                     base::Keyring keyring)
    : catalog_(catalog), keyring_(std::move(keyring)) {
  for (const PluginDef* def : catalog) {
    if (std::ranges::find(enabled, def->info.name) == enabled.end()) continue;
    enabled_.push_back(def);
    by_name_.emplace(def->info.name, def);
  }
  for (const std::string& name : enabled) {
    if (!by_name_.contains(name)) missing_.insert(name);
  }
  std::ranges::sort(enabled_, [](const PluginDef* a, const PluginDef* b) {
    if (a->info.priority != b->info.priority) return a->info.priority > b->info.priority;
    return a->info.name < b->info.name;
  });
}

const PluginDef* PluginSet::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found != by_name_.end() ? found->second : nullptr;
}

const PluginDef* PluginSet::find_in_catalog(std::string_view name) const {
  const auto found =
      std::ranges::find_if(catalog_, [&](const PluginDef* def) { return def->info.name == name; });
  return found != catalog_.end() ? *found : nullptr;
}

bool PluginSet::is_missing(std::string_view name) const {
  return missing_.contains(name);
}

const Json* PluginSet::metadata(std::string_view plugin) const {
  if (metadata_ == nullptr) return nullptr;
  const auto found = metadata_->find(plugin);
  return found != metadata_->end() ? &found->second->value : nullptr;
}

const PublicApi* PluginSet::find_public_api(std::string_view method, std::string_view path,
                                            const Json& plugin_attr) const {
  const auto is_at_path = [&](const PluginDef& def, const PublicApi& api) {
    const Json& attr = api.path_attr.empty()
                           ? Json::nullSingleton()
                           : find_member(find_member(plugin_attr, def.info.name), api.path_attr);
    return attr.isString() ? format::string_of(attr) == path : api.path == path;
  };
  for (const PluginDef* def : enabled_) {
    for (const PublicApi& api : def->public_apis) {
      if (api.method == method && is_at_path(*def, api)) return &api;
    }
  }
  return nullptr;
}

const ControlApi* PluginSet::find_control_api(std::string_view method, std::string_view path) const {
  for (const PluginDef* def : enabled_) {
    for (const ControlApi& api : def->control_apis) {
      if (api.method == method && api.path == path) return &api;
    }
  }
  return nullptr;
}

const Json* PluginSet::schema_json(const PluginDef& def, ConfScope scope) {
  const Schemas& schemas = schemas_of(def);
  const auto& schema = scope == ConfScope::kMetadata   ? schemas.metadata
                       : scope == ConfScope::kConsumer ? schemas.consumer
                                                       : schemas.resource;
  return schema ? &schema->json : nullptr;
}

const Json* PluginSet::find_schema_of(std::string_view name, ConfScope scope) const {
  const PluginDef* def = find_in_catalog(name);
  const Compiled* schema = def != nullptr ? find_schema(*def, scope) : nullptr;
  return schema != nullptr ? &schema->json : nullptr;
}

// Schema, then the plugin's own rules.
resource::Validation PluginSet::check_conf(const PluginDef& def, Json& conf, ConfScope scope,
                                           Origin origin) const {
  resource::Validation out;
  // As in APISIX, which cannot tell them apart: what has no members is a configuration with no members.
  if (conf.isArray() && conf.empty()) conf = Json(::Json::objectValue);
  if (const Compiled* compiled = find_schema(def, scope)) out = check_schema(compiled->schema, conf);
  if (!out.ok()) {
    if (def.rephrase != nullptr) out.error_msg = def.rephrase(conf, out.error_msg);
    return out;
  }
  const auto status = format::built([&]() -> base::Status {
    if (origin == Origin::kWritten && def.check_written != nullptr) {
      if (auto written = def.check_written(conf); !written) return written;
    }
    return def.check != nullptr ? def.check(conf, scope, *this) : base::Status{};
  });
  if (!status) {
    out.add(status.error().what, {"", "plugin", status.error().what, {}, ""});
  }
  return out;
}

base::Status PluginSet::check_nested(const PluginDef& def, Json& conf) const {
  const auto found = check_conf(def, conf, ConfScope::kResource);
  if (!found.ok()) return base::invalid(found.error_msg);
  return {};
}

resource::Validation PluginSet::check_one(const PluginDef& def, Json& conf, ConfScope scope,
                                          Origin origin) const {
  resource::Validation out;
  out.add_within("", "failed to check the configuration of plugin " + std::string(def.info.name) + " err: ",
                 check_conf(def, conf, scope, origin));
  if (!out.ok() && is_disabled(conf)) {
    base::log_warn("{}, accepting it because the plugin is disabled there", out.error_msg);
    return {};
  }
  if (out.ok()) {
    if (auto status = check_filter(conf); !status) {
      out.add(status.error().what, {"/_meta/filter", "filter", status.error().what, {}, ""});
    }
  }
  return out;
}

resource::Validation PluginSet::check_all(Json& plugins, resource::PluginScope scope) const {
  return check(plugins, scope, Origin::kFile);
}

resource::Validation PluginSet::check_written(Json& plugins, resource::PluginScope scope) const {
  return check(plugins, scope, Origin::kWritten);
}

resource::Validation PluginSet::open_stored(Json& plugins, resource::PluginScope scope) const {
  decrypt(plugins, scope);
  return check(plugins, scope, Origin::kStored);
}

resource::Validation PluginSet::check(Json& plugins, resource::PluginScope scope, Origin origin) const {
  resource::Validation out;
  if (!plugins.isObject()) return out;
  const ConfScope conf_scope = conf_scope_of(scope);
  for (const std::string& name : plugins.getMemberNames()) {
    Json& conf = plugins[name];
    const PluginDef* def = find(name);
    if (!conf.isObject() && !(conf.isArray() && conf.empty())) {
      const std::string text = "invalid plugin conf " + format::to_json(conf) + " for plugin [" + name + "]";
      out.add(text, {"/" + name, "type", text, {}, "a plugin's configuration is an object"});
    } else if (def != nullptr) {
      if (conf.isArray()) conf = Json(::Json::objectValue);  // Lua's empty table
      out.add_within("/" + name, "", check_one(*def, conf, conf_scope, origin));
    } else if (origin != Origin::kStored) {
      const std::string text = "unknown plugin [" + name + "]";
      out.add(text, {"/" + name,
                     "plugin",
                     text,
                     {},
                     "it is not built in, or not in the list `plugins` of config.yaml"});
    }
  }
  return out;
}

resource::Validation PluginSet::check_metadata(std::string_view name, Json& metadata) const {
  resource::Validation out;
  const PluginDef* def = find_in_catalog(name);
  if (def == nullptr) {
    out.add("invalid plugin name", {"", "plugin", "invalid plugin name", {}, "it is not built in"});
  } else {
    const Schemas& schemas = schemas_of(*def);
    out.add_within("", "invalid configuration: ",
                   schemas.metadata ? check_conf(*def, metadata, ConfScope::kMetadata)
                                    : check_schema(any_object(), metadata));
  }
  return out;
}

Json PluginSet::describe() const {
  Json out(::Json::objectValue);
  for (const PluginDef* def : enabled_) {
    Json& row = out[std::string(def->info.name)] = Json(::Json::objectValue);
    row["version"] = def->info.version;
    row["priority"] = def->info.priority;
    if (def->info.is_auth) row["type"] = "auth";
    if (def->info.is_global) row["scope"] = "global";
    const auto add = [&](const char* member, ConfScope scope) {
      if (const Json* schema = schema_json(*def, scope)) row[member] = *schema;
    };
    add("schema", ConfScope::kResource);
    add("consumer_schema", ConfScope::kConsumer);
    add("metadata_schema", ConfScope::kMetadata);
  }
  return out;
}

// --- fields that are encrypted in the store

void PluginSet::encrypt(Json& plugins, resource::PluginScope scope) const {
  if (keyring_.empty() || !plugins.isObject()) return;
  for (auto plugin = plugins.begin(); plugin != plugins.end(); ++plugin) {
    const PluginDef* def = find(plugin.name());
    const Compiled* schema = def != nullptr ? find_schema(*def, conf_scope_of(scope)) : nullptr;
    if (schema != nullptr) resource::encrypt_fields(*plugin, schema->json, keyring_);
  }
}

void PluginSet::decrypt(Json& plugins, resource::PluginScope scope) const {
  if (keyring_.empty() || !plugins.isObject()) return;
  for (auto plugin = plugins.begin(); plugin != plugins.end(); ++plugin) {
    const PluginDef* def = find(plugin.name());
    const Compiled* schema = def != nullptr ? find_schema(*def, conf_scope_of(scope)) : nullptr;
    if (schema != nullptr) resource::decrypt_fields(*plugin, schema->json, keyring_);
  }
}

void PluginSet::encrypt_metadata(std::string_view name, Json& metadata) const {
  const PluginDef* def = find(name);
  const Compiled* schema = def != nullptr ? find_schema(*def, ConfScope::kMetadata) : nullptr;
  if (schema != nullptr) resource::encrypt_fields(metadata, schema->json, keyring_);
}

void PluginSet::decrypt_metadata(std::string_view name, Json& metadata) const {
  const PluginDef* def = find(name);
  const Compiled* schema = def != nullptr ? find_schema(*def, ConfScope::kMetadata) : nullptr;
  if (schema != nullptr) resource::decrypt_fields(metadata, schema->json, keyring_);
}

}  // namespace apisix::plugin
