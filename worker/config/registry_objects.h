// The objects that Registry keeps. Compact: there may be 100,000 routes in each worker.
#pragma once

#include <string>

#include "shared/base/counted.h"
#include "shared/format/json.h"
#include "shared/store/store.h"
#include "worker/config/compiled.h"
#include "worker/config/plugin_book.h"
#include "worker/config/registry.h"

namespace apisix::config {

struct Registry::RouteObject {
  std::string id;
  std::string value;       // the stored JSON, read again when the route is compiled
  std::string service_id;  // empty: none
  std::string upstream_id;
  std::string plugin_config_id;
  store::Revision create_revision = 0;
  store::Revision mod_revision = 0;
  bool has_hosts = false;                   // of its own; else it inherits its service's
  base::Ref<const CompiledRoute> compiled;  // null until its first use
  base::Ref<UpstreamSlot> own_upstream;     // of the upstream inside the route, made with `compiled`
};

struct Registry::ServiceObject {
  std::string id;
  format::Json value;
  std::string upstream_id;
  store::Revision create_revision = 0;
  store::Revision mod_revision = 0;
  base::Ref<UpstreamSlot> own_upstream;
  base::Ref<const SharedPlugins> plugins;
};

}  // namespace apisix::config
