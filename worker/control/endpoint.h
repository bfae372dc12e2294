// Endpoint: one row of the Control API's table (control_service.cc), and what its function gets. To add an
// endpoint: declare its function in endpoints.h, write it in the file of its subject, add the row.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/memory/zones.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"
#include "worker/proxy/local_service.h"

namespace apisix::config {
class Registry;
}

namespace apisix::control {

// What there is to look at: this worker's, and what all processes share. All of it outlives the service.
struct Deps {
  event::Loop& loop;
  store::Store& store;
  config::Registry& registry;
  const settings::Settings& settings;
  memory::Zones& zones;
  const std::string& instance_id;                // that of conf/apisix.uid
  std::function<base::Status()> reload_plugins;  // in all workers: from config.yaml
};

struct Call {
  const Deps& deps;
  const proxy::LocalRequest& request;
  std::string_view rest;  // of the path: what the row's "*" stands for
};

struct Endpoint {
  std::string_view method;
  std::string_view path;  // exact; one that ends in "*" is a prefix
  // `call` outlives the Task. May wait: a long response must not block the loop for the worker's clients.
  async::Task<proxy::LocalResponse> (*serve)(const Call& call);
};

}  // namespace apisix::control
