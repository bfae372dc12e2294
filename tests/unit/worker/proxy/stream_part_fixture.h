// What the parts of a Stream work on, without the Stream: a request, a client that speaks no protocol, and
// the chain of the plugins that a test names.
#pragma once

#include "tests/unit/shared/store/scripted_store.h"
#include "tests/unit/shared/store/store_fixture.h"
#include "tests/unit/worker/proxy/fake_client_exchange.h"
#include "tests/unit/worker/proxy/plugins_of_test.h"
#include "tests/unit/worker/proxy/request_fixture.h"
#include "worker/config/registry.h"
#include "worker/proxy/services.h"

namespace apisix::proxy {

class StreamPartTest : public RequestTest {
 protected:
  template <typename... Plugins>
  void use_plugins() {
    chains_.set_route(plugins_.chain<Plugins...>());
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
  PluginsOfTest plugins_{loop_};
};

}  // namespace apisix::proxy
