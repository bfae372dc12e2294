// CatalogHandler: what there is to configure: the schemas of objects and of plugins, and the list of plugins.
// schema/{kind}, schema/plugins/{name}, schema/validate/{plural}, plugins/list, plugins/{name},
// plugins?all=true, plugins/reload.
#pragma once

#include <optional>
#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/store/store.h"
#include "worker/admin/plugin_list.h"
#include "worker/config/registry.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

// Has every process of this machine read `plugins` and `plugin_attr` of config.yaml again; this worker has
// when it returns. What it read, or what is wrong with the file: then nothing has changed.
using ReloadPlugins = std::function<base::Result<settings::Settings>()>;

class CatalogHandler {
 public:
  CatalogHandler(event::Loop& loop, store::Store& store, const config::Registry& registry,
                 const settings::Settings& settings, PluginList& plugin_list, ReloadPlugins reload_plugins)
      : loop_(loop),
        store_(store),
        registry_(registry),
        settings_(settings),
        plugin_list_(plugin_list),
        reload_plugins_(std::move(reload_plugins)) {}

  // `path` starts behind "/apisix/admin/". Nothing: it is none of these.
  async::Task<std::optional<proxy::LocalAnswer>> serve(const proxy::LocalRequest& request,
                                                       std::string_view path);

 private:
  proxy::LocalAnswer plugin(const proxy::LocalRequest& request, std::string_view name) const;
  proxy::LocalAnswer plugin_names(const proxy::LocalRequest& request) const;
  async::Task<proxy::LocalAnswer> reload(const proxy::LocalRequest& request);

  event::Loop& loop_;
  store::Store& store_;
  const config::Registry& registry_;
  const settings::Settings& settings_;
  PluginList& plugin_list_;
  const ReloadPlugins reload_plugins_;
};

}  // namespace apisix::admin
