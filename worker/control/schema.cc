// What can be configured: the schemas of objects and of the enabled plugins.
#include <string>

#include "shared/resource/schemas.h"
#include "worker/config/registry.h"
#include "worker/control/endpoints.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::control {
namespace {

using format::Json;

struct MainSchema {
  const char* member;
  std::string_view file;  // of shared/resource/schemas
};

constexpr MainSchema kMainSchemas[] = {
    {"consumer", "consumer"},
    {"consumer_group", "consumer_group"},
    {"global_rule", "global_rule"},
    {"graphql_cost_decoration", "graphql_cost_decoration"},
    {"plugin_config", "plugin_config"},
    {"plugins", "plugins"},
    {"proto", "proto"},
    {"route", "route"},
    {"service", "service"},
    {"ssl", "ssl"},
    {"stream_route", "stream_route"},
    {"upstream", "upstream"},
    {"upstream_hash_header_schema", "upstream_hash_header"},
    {"upstream_hash_vars_schema", "upstream_hash_vars"},
};

}  // namespace

// {"main": {kind: schema}, "plugins": {name: {version, priority, schema, ...}}, "stream_plugins": {}}.
ResponseTask schema(const Call& call) {
  Json out(::Json::objectValue);
  Json& main = out["main"] = Json(::Json::objectValue);
  for (const auto& [member, file] : kMainSchemas) {
    main[member] = *format::parse_json(resource::find_schema_text(file));
  }
  out["plugins"] = call.deps.registry.plugins().describe();
  out["stream_plugins"] = Json(::Json::objectValue);  // none runs yet
  co_return proxy::json_response(200, out);
}

}  // namespace apisix::control
