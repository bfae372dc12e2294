// MetricsEndpoint: the Prometheus export server. Responds to GET on plugin_attr.prometheus.export_uri with
// the metrics of the whole instance, merged at that moment, and /apisix/nginx_status; anything else is 404.
#pragma once

#include <string>

#include "privileged-agent/small_server.h"

namespace apisix::agent {

class MetricsEndpoint {
 public:
  // The context outlives it.
  MetricsEndpoint(event::Loop& loop, const channel::AgentContext& context);

  void serve() { server_.serve(); }
  SmallServer& server() { return server_; }
  void set_export_uri(const std::string& uri) { export_uri_ = uri; }

 private:
  SmallResponse respond(const SmallRequest& request) const;

  const channel::AgentContext& context_;
  std::string export_uri_;
  SmallServer server_;
};

}  // namespace apisix::agent
