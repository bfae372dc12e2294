#include "master/view/traffic_view.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "master/view/figures.h"
#include "shared/base/version.h"

namespace apisix::master {
namespace {

using format::Json;
using memory::LatencyBuckets;
using memory::TrafficCells;
using memory::TrafficKind;
using Side = TextTable::Side;

constexpr std::string_view kOthers = "(others)";
constexpr std::array<std::string_view, 6> kOrders = {"rate", "errors", "p50", "p90", "p99", "name"};
constexpr std::array<std::pair<const char*, double>, 3> kPercentiles = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}}};

// What the rows are ordered by, the largest first.
double weight_of(const TrafficRow& row, TrafficOrder order) {
  switch (order) {
    case TrafficOrder::kErrors:
      return row.errors();
    case TrafficOrder::kP50:
      return row.percentile_ms(0.5).value_or(-1);
    case TrafficOrder::kP90:
      return row.percentile_ms(0.9).value_or(-1);
    case TrafficOrder::kP99:
      return row.percentile_ms(0.99).value_or(-1);
    case TrafficOrder::kRate:
    case TrafficOrder::kName:
      break;
  }
  return order == TrafficOrder::kRate ? row.requests() : 0;
}

void sort(std::vector<TrafficRow>& rows, TrafficOrder order) {
  std::ranges::sort(rows, [order](const TrafficRow& a, const TrafficRow& b) {
    const double left = weight_of(a, order);
    const double right = weight_of(b, order);
    return left != right ? left > right : a.name < b.name;
  });
}

TrafficCounts difference(const TrafficCounts& before, const TrafficCounts& now) {
  TrafficCounts out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = now[i] >= before[i] ? now[i] - before[i] : now[i];
  return out;
}

std::string title_of(TrafficOrder mine, TrafficOrder order, const char* title) {
  return mine == order ? fmt::format("{}*", title) : title;
}

// Its rows, at most `rows_max`, and a line that says how many are not shown.
std::vector<std::string> table_lines(const char* title, const std::vector<TrafficRow>& rows, double seconds,
                                     TrafficOrder order, std::size_t rows_max, const TextStyle& style) {
  TextTable table({{title_of(TrafficOrder::kName, order, title), Side::kLeft, true},
                   {title_of(TrafficOrder::kRate, order, "REQ/S"), Side::kRight},
                   {"2XX", Side::kRight},
                   {"3XX", Side::kRight},
                   {"4XX", Side::kRight},
                   {title_of(TrafficOrder::kErrors, order, "5XX"), Side::kRight},
                   {title_of(TrafficOrder::kP50, order, "P50"), Side::kRight},
                   {title_of(TrafficOrder::kP90, order, "P90"), Side::kRight},
                   {title_of(TrafficOrder::kP99, order, "P99"), Side::kRight}});
  const bool all_fit = rows_max == 0 || rows.size() <= rows_max;
  const std::size_t shown = all_fit ? rows.size() : rows_max - 1;
  for (std::size_t i = 0; i < shown; ++i) {
    const TrafficRow& row = rows[i];
    std::vector<TextTable::Cell> cells = {row.name, rate_text(row.requests() / seconds)};
    for (std::size_t hundreds = 2; hundreds <= 5; ++hundreds) {
      const double count = row.of_class(hundreds);
      const Tone tone = count == 0 ? Tone::kDim : hundreds == 5 ? Tone::kBad : Tone::kPlain;
      cells.emplace_back(rate_text(count / seconds), tone);
    }
    for (const auto& [name, share] : kPercentiles) {
      const auto ms = row.percentile_ms(share);
      cells.emplace_back(ms ? latency_text(*ms) : "");
    }
    table.add(std::move(cells));
  }
  std::vector<std::string> out = table.lines(style);
  if (!all_fit) out.push_back(painted(fmt::format("and {} more", rows.size() - shown), Tone::kDim, style));
  return out;
}

std::string requests_text(const Traffic& traffic) {
  const TrafficRow& all = traffic.all;
  std::string out = rate_text(all.requests() / traffic.seconds) + "/s";
  for (std::size_t hundreds = 2; hundreds <= 5; ++hundreds) {
    out += fmt::format("  {}xx {}", hundreds, share_text(all.of_class(hundreds), all.requests()));
  }
  return out;
}

std::string latency_line(const TrafficRow& all) {
  std::string out;
  for (const auto& [name, share] : kPercentiles) {
    const auto ms = all.percentile_ms(share);
    out += fmt::format("{}{} {}", out.empty() ? "" : "  ", name, ms ? latency_text(*ms) : "-");
  }
  return out;
}

// Which nodes are unhealthy, the first ones by name.
std::string nodes_text(const std::vector<CheckedUpstream>& checked) {
  constexpr std::size_t kNamedMax = 8;
  std::size_t nodes = 0;
  std::size_t named = 0;
  std::string names;
  for (const CheckedUpstream& upstream : checked) {
    nodes += upstream.nodes.size();
    for (const auto& node : upstream.nodes) {
      if (memory::is_usable(node.state.status) || named == kNamedMax) continue;
      ++named;
      names += fmt::format("{}{} {}:{}", named == 1 ? ": " : ", ", short_key(upstream.name),
                           node.ip.to_string(), node.port);
    }
  }
  if (nodes == 0) return "none is checked";
  return fmt::format("{} checked, {} unhealthy{}", count_text(nodes), count_unhealthy(checked), names);
}

std::vector<std::string> head_lines(const Traffic& traffic, const TrafficSample& now,
                                    const TextStyle& style) {
  const inspect::InstanceStatus& instance = now.instance;
  const auto reasons = instance.reasons();
  const std::uint64_t up_ms =
      instance.at_ms > instance.started_at_ms ? instance.at_ms - instance.started_at_ms : 0;
  const std::pair<const char*, std::string> texts[] = {
      {"APISIX", fmt::format("{}, for {}, generation {}: {}{}", base::kCompatibleVersion,
                             age_text(up_ms / 1000), instance.generation,
                             instance.generation == 0 ? "starting" : inspect::name_of(instance.verdict()),
                             reasons.empty() ? "" : ", " + reasons.front())},
      {"Requests", requests_text(traffic)},
      {"Latency", latency_line(traffic.all)},
      {"Connections", fmt::format("{} open, {} of them idle", count_text(instance.traffic.active),
                                  count_text(instance.traffic.waiting))},
      {"Nodes", nodes_text(now.checked)}};
  std::vector<std::string> out;
  for (const auto& [title, text] : texts) {
    constexpr std::size_t kTitleColumns = 13;
    const std::string shown = printable(text);
    out.push_back(painted(fmt::format("{:<{}}", title, kTitleColumns), Tone::kBold, style) +
                  (style.columns > kTitleColumns ? cut(shown, style.columns - kTitleColumns) : shown));
  }
  return out;
}

Json rounded(double value) {
  return Json(std::round(value * 1000) / 1000);
}

Json to_json(const TrafficRow& row, double seconds) {
  Json out(::Json::objectValue);
  out["requests_per_s"] = rounded(row.requests() / seconds);
  for (std::size_t hundreds = 1; hundreds <= TrafficCells::kClasses; ++hundreds) {
    out["by_class"][fmt::format("{}xx", hundreds)] = rounded(row.of_class(hundreds) / seconds);
  }
  for (const auto& [name, share] : kPercentiles) {
    const auto ms = row.percentile_ms(share);
    out["latency_ms"][name] = ms ? rounded(*ms) : Json();
  }
  return out;
}

Json to_json(const std::vector<TrafficRow>& rows, double seconds) {
  Json out(::Json::arrayValue);
  for (const TrafficRow& row : rows) {
    Json one = to_json(row, seconds);
    one["name"] = row.name;
    out.append(one);
  }
  return out;
}

}  // namespace

void TrafficSample::add(const std::vector<memory::TrafficSeries>& series) {
  for (const memory::TrafficSeries& one : series) {
    std::string name = one.is_overflow                      ? std::string(kOthers)
                       : one.kind == TrafficKind::kUpstream ? short_key(one.name)
                                                            : std::string(one.name);
    counts[{one.kind, std::move(name)}] = one.cells;
  }
}

double TrafficRow::of_class(std::size_t hundreds) const {
  return counts[TrafficCells::kFirstClass + hundreds - 1];
}

double TrafficRow::errors() const {
  return of_class(5);
}

double TrafficRow::requests() const {
  return std::accumulate(counts.begin() + TrafficCells::kFirstClass,
                         counts.begin() + TrafficCells::kOtherStatus + 1, 0.0);
}

// Evenly spread within a bucket; the last one has no end, so its beginning counts.
std::optional<double> TrafficRow::percentile_ms(double share) const {
  const double total = std::accumulate(counts.begin(), counts.begin() + LatencyBuckets::kCount, 0.0);
  if (total <= 0) return std::nullopt;
  double left = share * total;
  for (std::size_t bucket = 0; bucket < LatencyBuckets::kCount; ++bucket) {
    const double here = counts[bucket];
    if (here > 0 && left <= here) {
      const double from = bucket == 0 ? 0 : static_cast<double>(LatencyBuckets::bound_us(bucket - 1));
      if (bucket + 1 == LatencyBuckets::kCount) return from / 1000;
      const double to = static_cast<double>(LatencyBuckets::bound_us(bucket));
      return (from + (to - from) * left / here) / 1000;
    }
    left -= here;
  }
  return static_cast<double>(LatencyBuckets::bound_us(LatencyBuckets::kCount - 2)) / 1000;
}

std::optional<TrafficOrder> find_order(std::string_view name) {
  const auto found = std::ranges::find(kOrders, name);
  if (found == kOrders.end()) return std::nullopt;
  return static_cast<TrafficOrder>(found - kOrders.begin());
}

std::string_view name_of(TrafficOrder order) {
  return kOrders[static_cast<std::size_t>(order)];
}

TrafficOrder next(TrafficOrder order) {
  return static_cast<TrafficOrder>((static_cast<std::size_t>(order) + 1) % kOrders.size());
}

Traffic Traffic::between(const TrafficSample& before, const TrafficSample& now, TrafficOrder order) {
  Traffic out;
  out.seconds = std::max(1e-6, static_cast<double>(now.at_us - before.at_us) / 1e6);
  for (const auto& [key, counts] : now.counts) {
    const auto known = before.counts.find(key);
    TrafficRow row{key.second,
                   difference(known == before.counts.end() ? TrafficCounts{} : known->second, counts)};
    if (row.requests() <= 0) continue;
    const bool is_route = key.first == TrafficKind::kRoute;
    for (std::size_t i = 0; is_route && i < row.counts.size(); ++i) out.all.counts[i] += row.counts[i];
    (is_route ? out.routes : out.upstreams).push_back(std::move(row));
  }
  sort(out.routes, order);
  sort(out.upstreams, order);
  return out;
}

std::vector<std::string> top_lines(const Traffic& traffic, const TrafficSample& now, TrafficOrder order,
                                   std::size_t rows_max, const TextStyle& style) {
  std::vector<std::string> out = head_lines(traffic, now, style);
  // Two titles and two empty lines; upstreams get a third of the rest, or what routes do not need.
  std::size_t route_rows = 0;
  std::size_t upstream_rows = 0;
  if (rows_max != 0) {
    const std::size_t room = std::max<std::size_t>(rows_max, out.size() + 6) - out.size() - 4;
    const std::size_t third = std::min(traffic.upstreams.size(), std::max<std::size_t>(1, room / 3));
    route_rows = std::max<std::size_t>(1, std::min(traffic.routes.size(), room - third));
    upstream_rows = std::max<std::size_t>(1, room - route_rows);
  }
  for (const auto& lines :
       {table_lines("ROUTE", traffic.routes, traffic.seconds, order, route_rows, style),
        table_lines("UPSTREAM", traffic.upstreams, traffic.seconds, order, upstream_rows, style)}) {
    out.emplace_back();
    out.insert(out.end(), lines.begin(), lines.end());
  }
  if (rows_max != 0 && out.size() > rows_max) out.resize(rows_max);
  return out;
}

Json top_json(const Traffic& traffic, const TrafficSample& now) {
  Json out = to_json(traffic.all, traffic.seconds);
  out["at_ms"] = static_cast<::Json::UInt64>(now.instance.at_ms);
  out["seconds"] = rounded(traffic.seconds);
  out["status"] = inspect::to_json(now.instance)["status"];
  out["connections"] = static_cast<::Json::UInt64>(now.instance.traffic.active);
  out["routes"] = to_json(traffic.routes, traffic.seconds);
  out["upstreams"] = to_json(traffic.upstreams, traffic.seconds);
  std::size_t nodes = 0;
  for (const CheckedUpstream& upstream : now.checked) nodes += upstream.nodes.size();
  out["nodes"]["checked"] = static_cast<::Json::UInt64>(nodes);
  out["nodes"]["unhealthy"] = static_cast<::Json::UInt64>(count_unhealthy(now.checked));
  return out;
}

}  // namespace apisix::master
