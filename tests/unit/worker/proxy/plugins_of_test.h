// Chains of the plugins that a test names, each with the configuration {}.
#pragma once

#include <string>

#include "tests/unit/worker/plugin/empty_directory.h"
#include "worker/plugin/chain.h"

namespace apisix::proxy {

class PluginsOfTest {
 public:
  explicit PluginsOfTest(event::Loop& loop) : loop_(loop) {}

  template <typename... Plugins>
  base::Ref<const plugin::Chain> chain() {
    const plugin::PluginConfs confs = {
        {std::string(Plugins::kInfo.name),
         base::make_counted<plugin::PluginConf>(plugin::define<Plugins>(), *format::parse_json("{}"),
                                                "/routes/1", 1)}...};
    return *plugin::Chain::make(deps_, confs);
  }

 private:
  event::Loop& loop_;
  plugin::NoConsumers consumers_;
  plugin::NoDirectory directory_;
  format::Json attr_;
  plugin::Deps deps_{
      .loop = loop_, .consumers = consumers_, .directory = directory_, .plugin_attr = attr_, .prefix = {}};
};

}  // namespace apisix::proxy
