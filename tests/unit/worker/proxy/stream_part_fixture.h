// What the parts of a Stream work on, without the Stream: a request, a client that speaks no protocol, and
// the chain of the plugins that a test names.
#pragma once

#include "tests/unit/shared/store/scripted_store.h"
#include "tests/unit/shared/store/store_fixture.h"
#include "tests/unit/worker/plugin/empty_directory.h"
#include "tests/unit/worker/proxy/fake_client_exchange.h"
#include "tests/unit/worker/proxy/request_fixture.h"
#include "worker/config/registry.h"
#include "worker/plugin/chain.h"
#include "worker/proxy/services.h"

namespace apisix::proxy {

class StreamPartTest : public RequestTest {
 protected:
  template <typename... Plugins>
  void use_plugins() {
    const plugin::PluginConfs confs = {
        {std::string(Plugins::kInfo.name),
         base::make_counted<plugin::PluginConf>(plugin::define<Plugins>(), *format::parse_json("{}"),
                                                "/routes/1", 1)}...};
    chains_.set_route(*plugin::Chain::make(deps_, confs));
  }

  store::ScriptedStore store_{loop_};  // nothing is read from it
  base::Random random_{1};
  upstream::LoadRegistry loads_;
  config::Registry registry_{loop_, store_, upstream::ClusterDeps{random_, loads_}, {}};
  base::Result<memory::StatusZone> status_ = memory::StatusZone::create();
  Options options_;
  memory::ConnectionTallies tallies_{};
  Services services_{
      {.loop = loop_, .options = options_, .registry = registry_, .status = *status_, .tallies = tallies_}};
  FakeClientExchange exchange_;
  plugin::ChainRun chains_{request_};

 private:
  plugin::NoConsumers consumers_;
  plugin::NoDirectory directory_;
  format::Json attr_;
  plugin::Deps deps_{
      .loop = loop_, .consumers = consumers_, .directory = directory_, .plugin_attr = attr_, .prefix = {}};
};

}  // namespace apisix::proxy
