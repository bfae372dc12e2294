// AdminContext: what every part of the Admin API works on. Complete when it is built, owned by AdminService;
// what it refers to outlives the service.
#pragma once

#include <functional>
#include <string>

#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/memory/status_zone.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"

namespace apisix::config {
class Registry;
}

namespace apisix::admin {

// Has every process of this machine read `plugins` and `plugin_attr` of config.yaml again; this worker has
// when it returns. What it read, or what is wrong with the file: then nothing has changed.
using ReloadPlugins = std::function<base::Result<settings::Settings>()>;

struct AdminContext {
  event::Loop& loop;
  store::Store& store;
  config::Registry& registry;
  const settings::Settings& settings;
  const memory::StatusZone& status;
  std::string home;  // runtime home, which has the pages of the UI
  ReloadPlugins reload_plugins;

  // Of the store's keys: "/apisix".
  const std::string& prefix() const { return settings.deployment.etcd.prefix; }
};

class ChangeWriter;
class History;
class WorkerProgress;

// What writes changes, and says afterwards what became of them.
struct WriteParts {
  ChangeWriter& writer;
  History& history;
  WorkerProgress& progress;
};

}  // namespace apisix::admin
