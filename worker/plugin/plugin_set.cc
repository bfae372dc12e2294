#include "worker/plugin/plugin_set.h"

#include <algorithm>

#include "shared/base/log.h"
#include "shared/format/built.h"
#include "shared/format/read.h"
#include "shared/resource/encrypted_fields.h"
#include "worker/plugin/compiled_schemas.h"
#include "worker/route/match_rule.h"

namespace apisix::plugin {
namespace {

using format::find_member;
using format::Json;

// A plugin without a schema of its own for consumers, or for sessions, is configured there as anywhere else.
const CompiledSchema* find_schema(const PluginKind& kind, ConfScope scope) {
  const CompiledSchemas& schemas = schemas_of(kind);
  if (scope == ConfScope::kMetadata) return schemas.metadata ? &*schemas.metadata : nullptr;
  if (scope == ConfScope::kConsumer && schemas.consumer) return &*schemas.consumer;
  if (scope == ConfScope::kStream && schemas.stream) return &*schemas.stream;
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

ConfScope conf_scope_of(resource::PluginScope scope) {
  switch (scope) {
    case resource::PluginScope::kConsumer:
      return ConfScope::kConsumer;
    case resource::PluginScope::kStream:
      return ConfScope::kStream;
    case resource::PluginScope::kHttp:
      break;
  }
  return ConfScope::kResource;
}

}  // namespace

bool is_disabled(const Json& conf) {
  const Json& disable = find_member(find_member(conf, "_meta"), "disable");
  return format::is_true(disable);
}

PluginSet::PluginSet(std::span<const PluginKind* const> catalog, const std::vector<std::string>& enabled,
                     base::Keyring keyring)
    : catalog_(catalog), keyring_(std::move(keyring)) {
  for (const PluginKind* kind : catalog) {
    if (std::ranges::find(enabled, kind->info().name) == enabled.end()) continue;
    enabled_.push_back(kind);
    by_name_.emplace(kind->info().name, kind);
  }
  for (const std::string& name : enabled) {
    if (!by_name_.contains(name)) missing_.insert(name);
  }
  std::ranges::sort(enabled_, [](const PluginKind* a, const PluginKind* b) {
    if (a->info().priority != b->info().priority) return a->info().priority > b->info().priority;
    return a->info().name < b->info().name;
  });
}

const PluginKind* PluginSet::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found != by_name_.end() ? found->second : nullptr;
}

const PluginKind* PluginSet::find_in_catalog(std::string_view name) const {
  const auto found =
      std::ranges::find_if(catalog_, [&](const PluginKind* kind) { return kind->info().name == name; });
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
  const auto is_at_path = [&](const PluginKind& kind, const PublicApi& api) {
    const Json& attr = api.path_attr.empty()
                           ? Json::nullSingleton()
                           : find_member(find_member(plugin_attr, kind.info().name), api.path_attr);
    return attr.isString() ? format::string_of(attr) == path : api.path == path;
  };
  for (const PluginKind* kind : enabled_) {
    for (const PublicApi& api : kind->public_apis()) {
      if (api.method == method && is_at_path(*kind, api)) return &api;
    }
  }
  return nullptr;
}

const ControlApi* PluginSet::find_control_api(std::string_view method, std::string_view path) const {
  for (const PluginKind* kind : enabled_) {
    for (const ControlApi& api : kind->control_apis()) {
      if (api.method == method && api.path == path) return &api;
    }
  }
  return nullptr;
}

const Json* PluginSet::schema_json(const PluginKind& kind, ConfScope scope) {
  const CompiledSchemas& schemas = schemas_of(kind);
  const auto& schema = scope == ConfScope::kMetadata   ? schemas.metadata
                       : scope == ConfScope::kConsumer ? schemas.consumer
                                                       : schemas.resource;
  return schema ? &schema->json : nullptr;
}

const Json* PluginSet::find_schema_of(std::string_view name, ConfScope scope) const {
  const PluginKind* kind = find_in_catalog(name);
  const CompiledSchema* schema = kind != nullptr ? find_schema(*kind, scope) : nullptr;
  return schema != nullptr ? &schema->json : nullptr;
}

// Schema, then the plugin's own rules.
resource::Validation PluginSet::check_conf(const PluginKind& kind, Json& conf, ConfScope scope,
                                           Origin origin) const {
  resource::Validation out;
  // As in APISIX, which cannot tell them apart: what has no members is a configuration with no members.
  if (conf.isArray() && conf.empty()) conf = Json(::Json::objectValue);
  const CompiledSchema* compiled = schemas_of(kind).checks_itself ? nullptr : find_schema(kind, scope);
  if (compiled != nullptr) out = check_schema(compiled->schema, conf);
  if (!out.ok()) {
    out.error_msg = kind.rephrase(conf, out.error_msg);
    return out;
  }
  const auto status = format::built([&]() -> base::Status {
    if (origin == Origin::kWritten) {
      if (auto written = kind.check_written(conf); !written) return written;
    }
    return kind.check(conf, scope, *this);
  });
  if (!status) {
    out.add(status.error().what, {"", "plugin", status.error().what, {}, ""});
  }
  return out;
}

base::Status PluginSet::check_nested(const PluginKind& kind, Json& conf, ConfScope scope) const {
  const auto found = check_conf(kind, conf, scope);
  if (!found.ok()) return base::invalid(found.error_msg);
  return {};
}

void PluginSet::add_pre_function_fault(const PluginKind& kind, const Json& conf,
                                       resource::Validation& out) const {
  const Json& text = find_member(find_member(conf, "_meta"), "pre_function");
  if (!text.isString() || check_pre_function_ == nullptr) return;
  const auto status = check_pre_function_(format::string_of(text));
  if (status) return;
  const std::string what = "failed to load _meta.pre_function in plugin " + std::string(kind.info().name) +
                           ": " + status.error().what;
  out.add(what, {"/_meta/pre_function", "pre_function", what, {}, "it is a text of Lua"});
}

resource::Validation PluginSet::check_one(const PluginKind& kind, Json& conf, ConfScope scope,
                                          Origin origin) const {
  resource::Validation out;
  out.add_within("",
                 "failed to check the configuration of plugin " + std::string(kind.info().name) + " err: ",
                 check_conf(kind, conf, scope, origin));
  if (!out.ok() && is_disabled(conf)) {
    base::log_warn("{}, accepting it because the plugin is disabled there", out.error_msg);
    return {};
  }
  if (out.ok()) {
    if (auto status = check_filter(conf); !status) {
      out.add(status.error().what, {"/_meta/filter", "filter", status.error().what, {}, ""});
    }
    add_pre_function_fault(kind, conf, out);
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
    const PluginKind* kind = find(name);
    if (scope == resource::PluginScope::kStream && kind != nullptr && !kind->has_stream_form())
      kind = nullptr;
    if (!conf.isObject() && !(conf.isArray() && conf.empty())) {
      const std::string text = "invalid plugin conf " + format::to_json(conf) + " for plugin [" + name + "]";
      out.add(text, {"/" + name, "type", text, {}, "a plugin's configuration is an object"});
    } else if (kind != nullptr) {
      if (conf.isArray()) conf = Json(::Json::objectValue);  // Lua's empty table
      out.add_within("/" + name, "", check_one(*kind, conf, conf_scope, origin));
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
  const PluginKind* kind = find_in_catalog(name);
  if (kind == nullptr) {
    out.add("invalid plugin name", {"", "plugin", "invalid plugin name", {}, "it is not built in"});
  } else {
    const CompiledSchemas& schemas = schemas_of(*kind);
    out.add_within("", "invalid configuration: ",
                   schemas.metadata ? check_conf(*kind, metadata, ConfScope::kMetadata)
                                    : check_schema(any_object_schema(), metadata));
  }
  return out;
}

Json PluginSet::describe() const {
  Json out(::Json::objectValue);
  for (const PluginKind* kind : enabled_) {
    Json& row = out[std::string(kind->info().name)] = Json(::Json::objectValue);
    row["version"] = kind->info().version;
    row["priority"] = kind->info().priority;
    if (kind->info().is_auth) row["type"] = "auth";
    if (kind->info().is_global) row["scope"] = "global";
    const auto add = [&](const char* member, ConfScope scope) {
      if (const Json* schema = schema_json(*kind, scope)) row[member] = *schema;
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
    const PluginKind* kind = find(plugin.name());
    const CompiledSchema* schema = kind != nullptr ? find_schema(*kind, conf_scope_of(scope)) : nullptr;
    if (schema != nullptr) resource::encrypt_fields(*plugin, schema->json, keyring_);
  }
}

void PluginSet::decrypt(Json& plugins, resource::PluginScope scope) const {
  if (keyring_.empty() || !plugins.isObject()) return;
  for (auto plugin = plugins.begin(); plugin != plugins.end(); ++plugin) {
    const PluginKind* kind = find(plugin.name());
    const CompiledSchema* schema = kind != nullptr ? find_schema(*kind, conf_scope_of(scope)) : nullptr;
    if (schema != nullptr) resource::decrypt_fields(*plugin, schema->json, keyring_);
  }
}

void PluginSet::encrypt_metadata(std::string_view name, Json& metadata) const {
  const PluginKind* kind = find(name);
  const CompiledSchema* schema = kind != nullptr ? find_schema(*kind, ConfScope::kMetadata) : nullptr;
  if (schema != nullptr) resource::encrypt_fields(metadata, schema->json, keyring_);
}

void PluginSet::decrypt_metadata(std::string_view name, Json& metadata) const {
  const PluginKind* kind = find(name);
  const CompiledSchema* schema = kind != nullptr ? find_schema(*kind, ConfScope::kMetadata) : nullptr;
  if (schema != nullptr) resource::decrypt_fields(metadata, schema->json, keyring_);
}

}  // namespace apisix::plugin
