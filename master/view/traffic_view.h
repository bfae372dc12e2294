// What `apisix top` shows: the difference between two looks at what the workers counted. Pure: looks in,
// lines out.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "master/view/health_view.h"
#include "master/view/text_table.h"
#include "shared/format/json.h"
#include "shared/inspect/instance.h"
#include "shared/memory/traffic.h"

namespace apisix::master {

using TrafficCounts = std::array<double, memory::TrafficCells::kCount>;

// One look.
struct TrafficSample {
  using Key = std::pair<memory::TrafficKind, std::string>;

  std::uint64_t at_us = 0;  // monotonic
  std::map<Key, TrafficCounts> counts;
  inspect::InstanceStatus instance;
  std::vector<CheckedUpstream> checked;

  // What there was no room for is called kOthers.
  void add(const std::vector<memory::TrafficSeries>& series);
};

// Of one route or upstream, or of all requests, in the time between two looks.
struct TrafficRow {
  std::string name;
  TrafficCounts counts{};  // in that time

  double requests() const;
  double errors() const;  // 5xx
  // 1 to 5: 1xx to 5xx.
  double of_class(std::size_t hundreds) const;
  // In milliseconds, of what has a latency; none when nothing has. `share`: 0.99 for p99.
  std::optional<double> percentile_ms(double share) const;
};

enum class TrafficOrder : unsigned char { kRate, kErrors, kP50, kP90, kP99, kName };
// None: there is no such order.
std::optional<TrafficOrder> find_order(std::string_view name);
std::string_view name_of(TrafficOrder order);
TrafficOrder next(TrafficOrder order);

struct Traffic {
  double seconds = 0;
  TrafficRow all;  // requests
  std::vector<TrafficRow> routes;
  std::vector<TrafficRow> upstreams;

  // Rows without requests are left out. Counters that went back (a restart) count from 0.
  static Traffic between(const TrafficSample& before, const TrafficSample& now, TrafficOrder order);
};

// `rows_max`: of the screen; 0: as many as there are.
std::vector<std::string> top_lines(const Traffic& traffic, const TrafficSample& now, TrafficOrder order,
                                   std::size_t rows_max, const TextStyle& style);
format::Json top_json(const Traffic& traffic, const TrafficSample& now);

}  // namespace apisix::master
