#include "worker/plugin/request_metrics.h"

#include <algorithm>

#include "shared/base/log.h"
#include "shared/format/read.h"
#include "shared/memory/zones.h"
#include "worker/plugin/variables.h"

namespace apisix::plugin {
namespace {

using format::find_member;
using format::Json;

constexpr double kBucketsMs[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000};
// Combinations that a worker remembers; more are looked up in the zone again.
constexpr std::size_t kSeriesRemembered = 100'000;
constexpr std::array<const char*, 3> kNames = {"http_status", "http_latency", "bandwidth"};
constexpr std::array<const char*, 3> kHelp = {"HTTP status codes per service in APISIX",
                                              "HTTP request latency in milliseconds per service in APISIX",
                                              "Total bandwidth in bytes consumed per service in APISIX"};
constexpr std::array<std::string_view, 3> kLatencyKinds = {"request", "upstream", "apisix"};
constexpr std::array<std::string_view, 2> kDirections = {"ingress", "egress"};

std::vector<double> buckets_of(const Json& attr) {
  const Json& configured = find_member(attr, "default_buckets");
  std::vector<double> buckets;
  for (const Json& bound : configured) {
    if (bound.isNumeric()) buckets.push_back(format::number_of(bound));
  }
  if (buckets.empty()) buckets.assign(std::begin(kBucketsMs), std::end(kBucketsMs));
  std::ranges::sort(buckets);
  if (buckets.size() > memory::MetricZone::kBoundsMax) buckets.resize(memory::MetricZone::kBoundsMax);
  return buckets;
}

std::string_view response_source(const RequestState& request) {
  if (request.response.from_upstream) return "upstream";
  return request.attempts.first != nullptr ? "nginx" : "apisix";
}

}  // namespace

// Label values, in the order of APISIX's labels.
struct RequestMetrics::Values {
  std::array<char, 3> code;
  std::string_view route;
  std::string_view matched_uri;
  std::string_view matched_host;
  std::string_view service;
  std::string_view consumer;
  std::string_view node;
  std::string_view source;
  bool has_upstream = false;
};

RequestMetrics::RequestMetrics(Deps& deps)
    : deps_(deps),
      zone_(deps.zones->metrics),
      can_count_(zone_.enroll(deps.zone_owner)),
      buckets_(buckets_of(find_member(deps.plugin_attr, "prometheus"))) {
  register_families(find_member(deps.plugin_attr, "prometheus"));
}

void RequestMetrics::register_families(const Json& attr) {
  const Json& configured = find_member(attr, "metric_prefix");
  const std::string prefix = configured.isString() ? format::string_of(configured) : "apisix_";
  constexpr std::array<memory::MetricType, kMetrics> kTypes = {
      memory::MetricType::kCounter, memory::MetricType::kHistogram, memory::MetricType::kCounter};
  for (std::size_t i = 0; i < kMetrics; ++i) {
    Family& family = families_[i];
    const std::string name = prefix + kNames[i];
    const auto id = zone_.add_family(
        {.type = kTypes[i],
         .name = name,
         .help = kHelp[i],
         .bounds = i == kLatency ? std::span<const double>(buckets_) : std::span<const double>()});
    if (!id) {
      base::log_error("prometheus: {}: {}", name, id.error().what);
      continue;
    }
    family.id = *id;
    family.is_registered = true;
    for (const Json& extra :
         find_member(find_member(find_member(attr, "metrics"), kNames[i]), "extra_labels")) {
      for (const std::string& label :
           extra.isObject() ? extra.getMemberNames() : std::vector<std::string>()) {
        const std::string variable = format::string_of(extra[label]);
        if (variable.starts_with('$')) {
          family.extra.push_back({label, route::VariableName::parse(variable.substr(1))});
        }
      }
    }
  }
}

// disabled_labels: what is left empty.
void RequestMetrics::read_metadata() {
  const auto metadata = deps_.directory.metadata("prometheus");
  const std::uint64_t version = metadata ? metadata->version : 0;
  if (version == metadata_version_) return;
  metadata_version_ = version;
  series_.clear();
  for (std::size_t i = 0; i < kMetrics; ++i) {
    families_[i].disabled.clear();
    if (!metadata) continue;
    for (const Json& label : find_member(find_member(metadata->value, "disabled_labels"), kNames[i])) {
      families_[i].disabled.insert(format::string_of(label));
    }
  }
}

RequestMetrics::Values RequestMetrics::values_of(RequestState& request, bool prefer_name) const {
  const Matched& matched = request.matched;
  Values values;
  const unsigned status = request.response.status;
  values.code = {static_cast<char>('0' + status / 100 % 10), static_cast<char>('0' + status / 10 % 10),
                 static_cast<char>('0' + status % 10)};
  values.route = prefer_name && !matched.route_name.empty() ? matched.route_name : matched.route_id;
  values.service = prefer_name && !matched.service_name.empty() ? matched.service_name : matched.service_id;
  values.matched_uri = matched.path;
  values.matched_host = matched.host;
  if (request.identity.consumer) values.consumer = request.identity.consumer->username;
  if (request.attempts.last != nullptr) {
    std::array<char, base::IpAddress::kTextBytesMax> text;
    values.node = request.arena.copy({text.data(), request.attempts.last->ip.write_text(text.data())});
    values.has_upstream = true;
  }
  values.source = response_source(request);
  return values;
}

void RequestMetrics::write_key(const Values& values, RequestState& request) {
  key_.assign(values.code.data(), values.code.size());
  for (const std::string_view value : {values.route, values.matched_uri, values.matched_host, values.service,
                                       values.consumer, values.node, values.source}) {
    key_ += '\0';
    key_ += value;
  }
  Variables variables(request);
  for (const Family& family : families_) {
    for (const ExtraLabel& extra : family.extra) {
      key_ += '\0';
      key_ += variables.read(extra.variable).value_or("");
    }
  }
}

std::string RequestMetrics::labels_of(Metric metric, std::string_view kind, const Values& values,
                                      RequestState& request) const {
  const Family& family = families_[metric];
  std::string labels;
  const auto add = [&](std::string_view name, std::string_view value) {
    memory::append_label(labels, name, family.disabled.contains(name) ? std::string_view() : value);
  };
  if (metric == kStatus) {
    add("code", {values.code.data(), values.code.size()});
    add("route", values.route);
    add("matched_uri", values.matched_uri);
    add("matched_host", values.matched_host);
  } else {
    add("type", kind);
    add("route", values.route);
  }
  add("service", values.service);
  add("consumer", values.consumer);
  add("node", values.node);
  add("request_type", "traditional_http");
  add("request_llm_model", "");
  add("llm_model", "");
  if (metric == kStatus) add("response_source", values.source);
  Variables variables(request);
  for (const ExtraLabel& extra : family.extra) {
    memory::append_label(labels, extra.name, variables.read(extra.variable).value_or(""));
  }
  return labels;
}

RequestMetrics::Cells RequestMetrics::cells_of(Metric metric, const std::string& labels) {
  const auto handle = zone_.find_or_add(families_[metric].id, labels);
  return {handle, zone_.cells(handle.id, deps_.zone_owner)};
}

void RequestMetrics::make_series(Series& series, const Values& values, RequestState& request) {
  series.status = cells_of(kStatus, labels_of(kStatus, {}, values, request));
  series.has_upstream_latency = values.has_upstream;
  for (std::size_t i = 0; i < kLatencyKinds.size(); ++i) {
    if (i == 1 && !values.has_upstream) continue;
    series.latency[i] = cells_of(kLatency, labels_of(kLatency, kLatencyKinds[i], values, request));
  }
  for (std::size_t i = 0; i < kDirections.size(); ++i) {
    series.bandwidth[i] = cells_of(kBandwidth, labels_of(kBandwidth, kDirections[i], values, request));
  }
}

bool RequestMetrics::is_current(const Series& series) const {
  const auto current = [this](const Cells& cells) { return zone_.is_current(cells.handle); };
  return current(series.status) && current(series.latency[0]) && current(series.latency[2]) &&
         current(series.bandwidth[0]) && current(series.bandwidth[1]) &&
         (!series.has_upstream_latency || current(series.latency[1]));
}

RequestMetrics::Series& RequestMetrics::series_of(const Values& values, RequestState& request) {
  write_key(values, request);
  auto found = series_.find(std::string_view(key_));
  if (found == series_.end()) {
    if (series_.size() >= kSeriesRemembered) series_.clear();
    found = series_.try_emplace(key_).first;
    make_series(found->second, values, request);
  } else if (!is_current(found->second)) {
    make_series(found->second, values, request);
  }
  return found->second;
}

void RequestMetrics::observe(const Cells& cells, double value) {
  const auto at = std::ranges::lower_bound(buckets_, value) - buckets_.begin();
  cells.first[at].add(1);
  cells.first[buckets_.size() + 1].add(value);
}

void RequestMetrics::count(Request& facade, bool prefer_name) {
  const bool registered = std::ranges::all_of(families_, &Family::is_registered);
  if (!can_count_ || !registered) return;
  read_metadata();
  RequestState& request = RequestState::of(facade);
  const Values values = values_of(request, prefer_name);
  Series& series = series_of(values, request);
  series.status.first->add(1);
  double upstream_ms = 0;
  for (const Attempt* attempt = request.attempts.first; attempt != nullptr; attempt = attempt->next) {
    if (attempt->response_us > 0) upstream_ms += static_cast<double>(attempt->response_us) / 1000;
  }
  const double total_ms =
      static_cast<double>(request.clock.monotonic_us() - request.received.monotonic_us) / 1000;
  observe(series.latency[0], total_ms);
  if (values.has_upstream) observe(series.latency[1], upstream_ms);
  observe(series.latency[2], std::max(0.0, total_ms - upstream_ms));
  series.bandwidth[0].first->add(static_cast<double>(request.received.bytes));
  series.bandwidth[1].first->add(static_cast<double>(request.response.bytes_sent));
}

}  // namespace apisix::plugin
