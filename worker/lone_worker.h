// LoneWorker: the parts of a worker, in the process of a command: plugins, configuration, proxy, Admin API.
// It has no master and no ports but one on loopback, behind which a function of Lua is the upstream; clients
// come by connect(). Its configuration is a store of its own, empty at first, in a folder that ends with it.
#pragma once

#include <memory>
#include <string>

#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/memory/zones.h"
#include "shared/settings/settings.h"
#include "worker/lua/state.h"

namespace apisix::worker {

struct LoneWorkerOptions {
  settings::Settings settings;  // of config.yaml; where it listens and stores does not count
  memory::ZonePlan zones;
  std::string config_path;  // empty: there is none
  std::string prefix;
};

class LoneWorker {
 public:
  static base::Result<std::unique_ptr<LoneWorker>> make(LoneWorkerOptions options);
  ~LoneWorker();

  event::Loop& loop();
  // The State in force.
  base::Result<base::Ref<lua::State>> lua();
  // All modules are loaded anew, into another State.
  base::Status reload_lua();
  // Calls `function` of the module `module` and turns the loop until it has returned.
  base::Result<format::Json> call(const std::string& module, const std::string& function,
                                  const format::Json& argument);

 private:
  struct Parts;
  explicit LoneWorker(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace apisix::worker
