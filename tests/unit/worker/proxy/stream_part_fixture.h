// What the parts of a Stream work on, without the Stream: a request, a client that speaks no protocol, and
// the chain of the plugins that a test names.
#pragma once

#include "tests/unit/worker/plugin/empty_directory.h"
#include "tests/unit/worker/proxy/fake_client_exchange.h"
#include "tests/unit/worker/proxy/request_fixture.h"
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

  Options options_;
  memory::ConnectionTallies tallies_{};
  Services services_{loop_, options_, tallies_};
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
