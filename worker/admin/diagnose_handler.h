// DiagnoseHandler: what the Admin API says about the configuration as a whole: explain (POST), lint (GET) and
// openapi.json (GET). Nothing of it changes anything.
#pragma once

#include <optional>
#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"
#include "worker/admin/admin_context.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

class DiagnoseHandler {
 public:
  explicit DiagnoseHandler(const AdminContext& context) : context_(context) {}

  // `path` starts behind "/apisix/admin/". Nothing: it is none of these.
  async::Task<std::optional<proxy::LocalResponse>> serve(const proxy::LocalRequest& request,
                                                         std::string_view path);

 private:
  async::Task<proxy::LocalResponse> explain(const proxy::LocalRequest& request);
  async::Task<proxy::LocalResponse> lint();

  const AdminContext& context_;
};

}  // namespace apisix::admin
