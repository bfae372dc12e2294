// apisix health: the nodes that are checked and what is known of them, from the table that the agent and the
// workers share. The exit code says whether one is unhealthy.
#include <cstdio>

#include "master/command.h"
#include "master/running.h"
#include "master/serving_master.h"
#include "master/view/health_view.h"
#include "master/view/terminal.h"

namespace apisix::master {

int run_health(const Invocation& in) {
  const auto master = serving_master(in.prefix);
  if (!master) return cannot_inspect(master.error());
  const auto table = memory::HealthTable::attach(*master);
  if (!table) return cannot_inspect(table.error());
  const auto upstreams = read_health(*table, in.arguments);
  if (const std::string name = missing_name(upstreams, in.arguments); !name.empty()) {
    return failed(base::Error{.code = base::ErrorCode::kNotFound,
                              .source = base::ErrorSource::kClient,
                              .what = "no node of \"" + name + "\" is checked"});
  }
  if (in.as_json) {
    std::puts(format::to_json(health_json(upstreams)).c_str());
  } else {
    print(health_lines(upstreams, output_style()));
  }
  return count_unhealthy(upstreams) > 0 ? kExitFailed : kExitDone;
}

}  // namespace apisix::master
