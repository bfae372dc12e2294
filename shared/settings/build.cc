#include "shared/settings/build.h"

#include "shared/settings/section.h"

namespace apisix::settings {

void build_rest(const Json& merged, Settings& settings) {
  const Section root(merged);
  root.section("graphql").read_size("max_size", settings.graphql_max_bytes);
  settings.plugins.clear();
  root.read_texts("plugins", settings.plugins);
  settings.stream_plugins.clear();
  root.read_texts("stream_plugins", settings.stream_plugins);

  const Section prometheus = root.section("plugin_attr").section("prometheus");
  prometheus.read_text("export_uri", settings.prometheus.export_uri);
  prometheus.read_text("metric_prefix", settings.prometheus.metric_prefix);
  prometheus.read_seconds("refresh_interval", settings.prometheus.refresh_interval_ms);

  const Section lua = root.section("lua");
  lua.read_duration("cpu_limit", settings.lua.cpu_limit_ms);
  lua.read_size("memory_limit", settings.lua.memory_limit_bytes);
  lua.read_flag("jit", settings.lua.jit);
  settings.lua.override_native.clear();
  lua.read_texts("override", settings.lua.override_native);
  lua.read_flag("watch", settings.lua.watch);

  const struct {
    const char* name;
    Json& to;
  } kTrees[] = {{"plugin_attr", settings.plugin_attr},
                {"discovery", settings.discovery},
                {"ext-plugin", settings.ext_plugin},
                {"wasm", settings.wasm},
                {"xrpc", settings.xrpc}};
  for (const auto& [name, to] : kTrees) {
    const Json& tree = root.at(name);
    to = tree.isObject() ? tree : Json(::Json::objectValue);
  }
}

}  // namespace apisix::settings
