// The metadata of plugins.
#include <fmt/format.h>

#include "worker/config/registry.h"
#include "worker/control/shown.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::control {
namespace {

using format::Json;

// Null: the plugin has none.
Json metadata_of(const Deps& deps, std::string_view plugin) {
  const auto metadata = deps.registry.plugin_directory().metadata(plugin);
  if (!metadata) return {};
  Json value = metadata->value;
  deps.registry.plugins().encrypt_metadata(plugin, value);  // as it is stored
  value["id"] = std::string(plugin);
  return value;
}

}  // namespace

// Of the enabled plugins.
ResponseTask plugin_metadatas(const Call& call) {
  Json out(::Json::arrayValue);
  for (const plugin::PluginKind* kind : call.deps.registry.plugins().enabled()) {
    if (Json value = metadata_of(call.deps, kind->info().name); !value.isNull()) out.append(std::move(value));
  }
  co_return proxy::json_response(200, lua_array(std::move(out)));
}

ResponseTask plugin_metadata(const Call& call) {
  std::string_view rest = call.rest;
  const std::string_view name = take_segment(rest);
  const Json value = metadata_of(call.deps, name);
  if (value.isNull())
    co_return proxy::error_response(404, fmt::format("plugin metadata[{}] not found", name));
  co_return proxy::json_response(200, value);
}

}  // namespace apisix::control
