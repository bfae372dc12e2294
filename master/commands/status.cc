// apisix status: who runs, in which state, with which configuration; read from the shared memory of the
// master, so it needs no port. Two looks, for requests per second.
#include <cstdio>

#include <unistd.h>

#include "master/command.h"
#include "master/serving_master.h"
#include "master/view/status_view.h"
#include "master/view/terminal.h"
#include "shared/base/clock.h"

namespace apisix::master {
namespace {

constexpr double kSampleIntervalS = 0.5;

inspect::InstanceStatus read_status(const memory::StatusZone& zone) {
  return inspect::read_instance(zone, base::Clock().wall_ms());
}

}  // namespace

int run_status(const Invocation& in) {
  const auto master = serving_master(in.prefix);
  if (!master) return cannot_inspect(master.error());
  const auto zone = memory::StatusZone::attach(*master);
  if (!zone) return cannot_inspect(zone.error());
  const inspect::InstanceStatus before = read_status(*zone);
  ::usleep(static_cast<useconds_t>(in.interval_s.value_or(kSampleIntervalS) * 1e6));
  const inspect::InstanceStatus now = read_status(*zone);
  const TwoSamples samples{before, now};
  if (in.as_json) {
    std::puts(format::to_json(status_json(samples)).c_str());
  } else {
    print(status_lines(samples, output_style()));
  }
  return now.verdict() == inspect::InstanceStatus::Verdict::kReady ? kExitDone : kExitFailed;
}

}  // namespace apisix::master
