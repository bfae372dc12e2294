// CatalogHandler: what there is to configure: the schemas of objects and of plugins, and the list of plugins.
// schema/{kind}, schema/plugins/{name}, schema/validate/{plural}, plugins/list, plugins/{name},
// plugins?all=true, plugins/reload.
#pragma once

#include <optional>
#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/store/store.h"
#include "worker/admin/admin_context.h"
#include "worker/admin/plugin_list.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

class CatalogHandler {
 public:
  CatalogHandler(const AdminContext& context, PluginList& plugin_list)
      : context_(context), plugin_list_(plugin_list) {}

  // `path` starts behind "/apisix/admin/". Nothing: it is none of these.
  async::Task<std::optional<proxy::LocalResponse>> serve(const proxy::LocalRequest& request,
                                                         std::string_view path);

 private:
  proxy::LocalResponse plugin(const proxy::LocalRequest& request, std::string_view name) const;
  proxy::LocalResponse plugin_names(const proxy::LocalRequest& request) const;
  async::Task<proxy::LocalResponse> reload(const proxy::LocalRequest& request);

  const AdminContext& context_;
  PluginList& plugin_list_;
};

}  // namespace apisix::admin
