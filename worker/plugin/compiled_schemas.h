// The schemas of plugins as JSON and ready to check with: parsed and compiled once per kind and thread (a
// compiled schema holds regular expressions, which belong to one thread), with what APISIX adds to every
// plugin's (_meta).
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/format/schema.h"
#include "worker/plugin/plugin_kind.h"

namespace apisix::plugin {

struct CompiledSchema {
  format::Json json;
  format::Schema schema;
};

// A member of PluginKind::schemas() beside the schemas: the plugin's check() is the whole check of its
// configurations, the schemas are shown and say what is encrypted.
inline constexpr const char* kChecksItself = "checks_itself";

struct CompiledSchemas {
  std::optional<CompiledSchema> resource;
  std::optional<CompiledSchema> consumer;
  std::optional<CompiledSchema> metadata;
  std::optional<CompiledSchema> stream;
  bool checks_itself = false;  // see kChecksItself

  // Fails when the text is no JSON object, or when some part of it is no schema.
  static base::Result<CompiledSchemas> compile(std::string_view schemas);
};

// That the schemas of all these compile; the error names the plugin. Keeps nothing: a worker holds the
// compiled schemas of plugins that it meets.
base::Status check_schemas(std::span<const PluginKind* const> kinds);

// Dies when they do not compile, which check_schemas() finds before a worker is ready.
const CompiledSchemas& schemas_of(const PluginKind& kind);

// Of the metadata of a plugin that has no schema for it.
const format::Schema& any_object_schema();

}  // namespace apisix::plugin
