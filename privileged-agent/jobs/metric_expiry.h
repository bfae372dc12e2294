// MetricExpiry: series that were not counted for as long as plugin_attr.prometheus.metrics.<family>.expire
// says are not exported any more, so that what is gone (routes, nodes) does not stay in the metrics. A series
// that is counted again comes back with what it had; some minutes later, with nothing. Without an `expire` it
// does nothing.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/memory/metric_zone.h"

namespace apisix::agent {

class MetricExpiry {
 public:
  static constexpr std::uint64_t kPeriodMsMin = 250;
  static constexpr std::uint64_t kPeriodMsMax = 10'000;

  // `attr`: plugin_attr.prometheus.
  MetricExpiry(event::Loop& loop, memory::MetricZone& zone, const format::Json& attr, std::string prefix);

  // Other limits from now on.
  void set(const format::Json& attr);

 private:
  struct Seen {
    double sum = 0;
    std::uint64_t changed_ms = 0;
  };

  void expire();
  void note(const memory::MetricZone::Series& series, double sum, std::uint64_t now_ms);

  event::Loop& loop_;
  memory::MetricZone& zone_;
  const std::string prefix_;                                  // of the families' names
  std::unordered_map<std::string, std::uint64_t> expire_ms_;  // by family name
  std::unordered_map<memory::SeriesId, Seen> seen_;
  std::uint64_t period_ms_ = kPeriodMsMax;
  event::Timer timer_;
};

}  // namespace apisix::agent
