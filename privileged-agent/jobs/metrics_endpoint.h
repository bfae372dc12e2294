// MetricsEndpoint: the Prometheus export server. Answers GET on plugin_attr.prometheus.export_uri with the
// metrics of the whole instance, merged at that moment; anything else is 404. One request to a connection.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "shared/channel/child_context.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"

namespace apisix::agent {

class MetricsEndpoint {
 public:
  MetricsEndpoint(event::Loop& loop, const channel::AgentContext& context);
  ~MetricsEndpoint();
  MetricsEndpoint(const MetricsEndpoint&) = delete;
  MetricsEndpoint& operator=(const MetricsEndpoint&) = delete;

  // The master said that this generation serves: from now on.
  void serve();
  void stop();

 private:
  struct Port;
  class Scrape;

  void accept_on(int fd);
  void end(Scrape& scrape);
  std::string answer(std::string_view head) const;

  event::Loop& loop_;
  const settings::PrometheusExport& settings_;
  const memory::Zones& zones_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::list<std::unique_ptr<Scrape>> scrapes_;
};

}  // namespace apisix::agent
