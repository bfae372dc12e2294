// PluginMerge: what several objects say of plugins, one over the other. An object has the last word of every
// plugin that it names, also where it turns it off (_meta.disable): a disabled entry takes the place of one
// below it, and an enabled entry that of a disabled one. What an object does not name stays as it is.
#pragma once

#include <set>
#include <string>

#include "worker/config/compiled.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/plugin_conf.h"

namespace apisix::config {

struct PluginMerge {
  void put_over(const SharedPlugins& object);
  void put_over(const plugin::Consumer& consumer);

  plugin::PluginConfs confs;      // to be run
  std::set<std::string> missing;  // enabled here and not part of this build; none of them is in confs
};

// Is a merge the same with and without it?
bool changes_nothing(const SharedPlugins& object);
bool changes_nothing(const plugin::Consumer& consumer);

}  // namespace apisix::config
