#include "shared/memory/instance_metrics.h"

#include <algorithm>
#include <array>

#include <sys/mman.h>
#include <unistd.h>

#include "shared/base/version.h"
#include "shared/memory/metric_text.h"
#include "shared/memory/metric_writer.h"
#include "shared/memory/script_metrics.h"

namespace apisix::memory {
namespace {

// One family of gauges.
class Gauge {
 public:
  Gauge(std::string& out, std::string_view prefix, std::string_view name, std::string_view help)
      : out_(out), name_(std::string(prefix) + std::string(name)) {
    out_.append("# HELP ")
        .append(name_)
        .append(" ")
        .append(help)
        .append("\n# TYPE ")
        .append(name_)
        .append(" gauge\n");
  }
  void add(std::string_view labels, double value) {
    out_ += name_;
    if (!labels.empty()) out_.append("{").append(labels).append("}");
    out_ += ' ';
    append_number(out_, value);
    out_ += '\n';
  }
  void add(std::string_view label, std::string_view value, double number) {
    std::string labels;
    append_label(labels, label, value);
    add(labels, number);
  }

 private:
  std::string& out_;
  const std::string name_;
};

void write_traffic(const Totals& totals, std::string_view prefix, std::string& out) {
  Gauge requests(out, prefix, "http_requests_total",
                 "The total number of client requests since APISIX started");
  requests.add("", static_cast<double>(totals.requests));
  Gauge connections(out, prefix, "nginx_http_current_connections", "Number of HTTP connections");
  const std::pair<std::string_view, std::uint64_t> states[] = {
      {"accepted", totals.accepted}, {"active", totals.active},   {"handled", totals.handled},
      {"reading", totals.reading},   {"waiting", totals.waiting}, {"writing", totals.writing}};
  for (const auto& [state, count] : states) connections.add("state", state, static_cast<double>(count));
}

void write_held_bodies(std::uint64_t bytes, std::string_view prefix, std::string& out) {
  Gauge held(out, prefix, "held_body_bytes",
             "Bodies that workers hold, each of at most nginx_config.http.held_bodies_size");
  held.add("", static_cast<double>(bytes));
}

void write_node(std::string_view prefix, std::string& out) {
  char hostname[256] = {};
  ::gethostname(hostname, sizeof hostname - 1);
  std::string labels;
  append_label(labels, "hostname", hostname);
  append_label(labels, "version", base::kCompatibleVersion);
  Gauge(out, prefix, "node_info", "Info of APISIX node").add(labels, 1);
}

// Under the names that they have in APISIX.
std::array<std::pair<std::string_view, const Zone*>, InstanceMetrics::kNamedZones> named_zones(
    const Zones& zones) {
  return {{{"prometheus-metrics", &zones.metrics.zone()},
           {"upstream-healthcheck", &zones.health.zone()},
           {"plugin-limit-count", &zones.limit_count.zone()},
           {"plugin-limit-req", &zones.limit_req.zone()},
           {"plugin-limit-conn", &zones.limit_conn.zone()},
           {"plugin-api-breaker", &zones.api_breaker.zone()},
           {"internal-status", &zones.internal_status.zone()}}};
}

void write_zones(const Zones& zones, std::span<const std::size_t> free_bytes, std::string_view prefix,
                 std::string& out) {
  Gauge capacity(out, prefix, "shared_dict_capacity_bytes",
                 "The capacity of each nginx shared DICT since APISIX start");
  const auto stats = zones.metrics.stats();
  const auto named = named_zones(zones);
  for (const auto& [name, zone] : named) capacity.add("name", name, static_cast<double>(zone->bytes()));
  Gauge unused(out, prefix, "shared_dict_free_space_bytes",
               "The free space of each nginx shared DICT since APISIX start");
  for (std::size_t i = 0; i < named.size(); ++i) {
    unused.add("name", named[i].first, static_cast<double>(free_bytes[i]));
  }
  Gauge series(out, prefix, "metric_series",
               "Series of metrics that are there, of at most metric_series_max");
  series.add("", static_cast<double>(stats.series));
  Gauge most(out, prefix, "metric_series_max", "Series of metrics that there is room for");
  most.add("", static_cast<double>(stats.series_max));
  Gauge overflows(out, prefix, "metric_series_overflows",
                  "Series that were counted as overflow=\"true\" instead");
  overflows.add("", static_cast<double>(stats.overflows));
}

// 1: the node gets traffic.
void write_upstreams(const HealthTable& health, std::string_view prefix, std::string_view hidden_key_prefix,
                     std::string& out) {
  Gauge gauge(out, prefix, "upstream_status", "Upstream status from health check");
  for (const auto& [checker, target] : health.all_targets()) {
    std::string_view name = checker;
    if (name.starts_with(hidden_key_prefix)) name.remove_prefix(hidden_key_prefix.size());
    std::string labels;
    append_label(labels, "name", name);
    append_label(labels, "ip", target.ip.to_string());
    append_label(labels, "port", std::to_string(target.port));
    gauge.add(labels, is_usable(target.state.status) ? 1 : 0);
  }
}

}  // namespace

bool InstanceMetrics::append(std::string& out, std::size_t series_max) {
  if (is_counted_written_) return append_rest(out);
  is_counted_written_ = !counted_.append(out, series_max);
  return true;
}

bool InstanceMetrics::append_rest(std::string& out) {
  switch (part_++) {
    case 0:
      write_traffic(zones_.status.totals(), prefix_, out);
      write_held_bodies(zones_.status.held_body_bytes(), prefix_, out);
      write_node(prefix_, out);
      return true;
    case 1:
      if (count_free_pages()) {
        --part_;
      } else {
        write_zones(zones_, free_bytes_, prefix_, out);
      }
      return true;
    case 2:
      write_upstreams(zones_.health, prefix_, hidden_key_prefix_, out);
      return true;
    default:
      append_script_metrics(zones_, out);
      return false;
  }
}

// What no process touched yet, in whole pages: nginx counts the free pages of a dictionary. The kernel looks
// at each page, and zones are large. (The blocks of the file are not to be had: only the master has
// descriptors.)
bool InstanceMetrics::count_free_pages() {
  constexpr std::size_t kPagesAtOnce = 4096;
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const Zone& zone = *named_zones(zones_)[counted_zones_].second;
  const std::size_t bytes = std::min(zone.bytes() - counted_bytes_, kPagesAtOnce * page_bytes);
  std::array<unsigned char, kPagesAtOnce> pages;
  if (::mincore(zone.at(counted_bytes_), bytes, pages.data()) == 0) {
    const auto end = pages.begin() + static_cast<std::ptrdiff_t>((bytes + page_bytes - 1) / page_bytes);
    const auto untouched = [](unsigned char page) { return (page & 1) == 0; };
    free_bytes_[counted_zones_] +=
        static_cast<std::size_t>(std::count_if(pages.begin(), end, untouched)) * page_bytes;
  }
  counted_bytes_ += bytes;
  if (counted_bytes_ == zone.bytes()) {
    counted_bytes_ = 0;
    ++counted_zones_;
  }
  return counted_zones_ < kNamedZones;
}

std::string instance_metrics_text(const Zones& zones, std::string_view prefix,
                                  std::string_view hidden_key_prefix) {
  constexpr std::size_t kSeriesAtOnce = 4096;
  std::string out;
  InstanceMetrics metrics(zones, prefix, hidden_key_prefix);
  while (metrics.append(out, kSeriesAtOnce)) {
  }
  return out;
}

}  // namespace apisix::memory
