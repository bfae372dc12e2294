// DiagnoseHandler: what the Admin API says about the configuration as a whole: explain (POST), lint (GET) and
// openapi.json (GET). Nothing of it changes anything.
#pragma once

#include <optional>
#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"
#include "worker/config/registry.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

class DiagnoseHandler {
 public:
  DiagnoseHandler(event::Loop& loop, store::Store& store, config::Registry& registry,
                  const settings::Settings& settings)
      : loop_(loop), store_(store), registry_(registry), settings_(settings) {}

  // `path` starts behind "/apisix/admin/". Nothing: it is none of these.
  async::Task<std::optional<proxy::LocalAnswer>> serve(const proxy::LocalRequest& request,
                                                       std::string_view path);

 private:
  async::Task<proxy::LocalAnswer> explain(const proxy::LocalRequest& request);
  async::Task<proxy::LocalAnswer> lint();

  event::Loop& loop_;
  store::Store& store_;
  config::Registry& registry_;
  const settings::Settings& settings_;
};

}  // namespace apisix::admin
