#include "worker/config/plugin_merge.h"

namespace apisix::config {

void PluginMerge::put_over(const SharedPlugins& object) {
  for (const std::string& name : object.disabled) {
    confs.erase(name);
    missing.erase(name);
  }
  for (const std::string& name : object.missing) missing.insert(name);
  plugin::merge_confs(confs, object.confs);
}

// What a consumer names and this build does not have is among its plugins: a refusal (refusal.h).
void PluginMerge::put_over(const plugin::Consumer& consumer) {
  for (const std::string& name : consumer.disabled) {
    confs.erase(name);
    missing.erase(name);
  }
  plugin::merge_confs(confs, consumer.plugins);
}

bool changes_nothing(const SharedPlugins& object) {
  return object.confs.empty() && object.disabled.empty() && object.missing.empty();
}

bool changes_nothing(const plugin::Consumer& consumer) {
  return consumer.plugins.empty() && consumer.disabled.empty();
}

}  // namespace apisix::config
