// PluginList: which plugins are enabled, as one stored list that all workers and data planes follow.
// config.yaml is where it comes from: at start, and at a reload by the Admin API.
#pragma once

#include <string>

#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"

namespace apisix::admin {

class PluginList {
 public:
  PluginList(store::Store& store, const settings::Settings& settings) : store_(store), settings_(settings) {}

  // At start: a stored list that says something else than config.yaml is replaced. Where none is stored, none
  // is needed.
  async::Task<base::Status> reset();
  // Stores the list of config.yaml as it was `read` again, which outlives the Task.
  async::Task<base::Status> replace(const settings::Settings& read);

 private:
  std::string key() const { return settings_.deployment.etcd.prefix + "/plugins"; }

  store::Store& store_;
  const settings::Settings& settings_;
};

}  // namespace apisix::admin
