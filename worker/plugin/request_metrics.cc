#include "worker/plugin/request_metrics.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <xxhash.h>

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
  std::uint32_t code = 0;
  std::string_view route;
  std::string_view matched_uri;
  std::string_view matched_host;
  std::string_view service;
  std::string_view consumer;
  const base::IpAddress* node = nullptr;  // null: none was tried
  std::string_view source;
};

std::size_t RequestMetrics::KeyHash::operator()(std::string_view key) const {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

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
      can_count_ = false;
      continue;
    }
    family.id = *id;
    for (const Json& extra :
         find_member(find_member(find_member(attr, "metrics"), kNames[i]), "extra_labels")) {
      for (const std::string& label :
           extra.isObject() ? extra.getMemberNames() : std::vector<std::string>()) {
        const std::string variable = format::string_of(extra[label]);
        if (variable.starts_with('$')) {
          family.extra.push_back({label, route::VariableName::parse(variable.substr(1))});
          has_extra_ = true;
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
  values.code = request.response.status;
  values.route = prefer_name && !matched.route_name.empty() ? matched.route_name : matched.route_id;
  values.service = prefer_name && !matched.service_name.empty() ? matched.service_name : matched.service_id;
  values.matched_uri = matched.path;
  values.matched_host = matched.host;
  if (request.identity.consumer) values.consumer = request.identity.consumer->username;
  if (request.attempts.last != nullptr) values.node = &request.attempts.last->ip;
  values.source = response_source(request);
  return values;
}

// The lengths first, then the values: no two combinations have the same bytes.
void RequestMetrics::write_key(const Values& values, RequestState& request) {
  const std::array texts = {values.route,   values.matched_uri, values.matched_host,
                            values.service, values.consumer,    values.source};
  std::array<std::uint32_t, texts.size() + 2> numbers{};
  std::size_t bytes = sizeof numbers;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    numbers[i] = static_cast<std::uint32_t>(texts[i].size());
    bytes += texts[i].size();
  }
  numbers[texts.size()] = values.code;
  numbers[texts.size() + 1] = values.node != nullptr;
  if (values.node != nullptr) bytes += values.node->bytes().size();
  key_.resize_and_overwrite(bytes, [&](char* out, std::size_t size) {
    out = std::copy_n(reinterpret_cast<const char*>(numbers.data()), sizeof numbers, out);
    if (values.node != nullptr) out = std::ranges::copy(values.node->bytes(), out).out;
    for (const std::string_view text : texts) out = std::ranges::copy(text, out).out;
    return size;
  });
  if (has_extra_) append_extra(request);
}

void RequestMetrics::append_extra(RequestState& request) {
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
    add("code", fmt::format("{:03}", values.code % 1000));
    add("route", values.route);
    add("matched_uri", values.matched_uri);
    add("matched_host", values.matched_host);
  } else {
    add("type", kind);
    add("route", values.route);
  }
  add("service", values.service);
  add("consumer", values.consumer);
  add("node", values.node != nullptr ? values.node->to_string() : std::string());
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
  series.checked_at = zone_.changes();
  series.status = cells_of(kStatus, labels_of(kStatus, {}, values, request));
  series.has_upstream_latency = values.node != nullptr;
  for (std::size_t i = 0; i < kLatencyKinds.size(); ++i) {
    if (i == 1 && values.node == nullptr) continue;
    series.latency[i] = cells_of(kLatency, labels_of(kLatency, kLatencyKinds[i], values, request));
  }
  for (std::size_t i = 0; i < kDirections.size(); ++i) {
    series.bandwidth[i] = cells_of(kBandwidth, labels_of(kBandwidth, kDirections[i], values, request));
  }
}

bool RequestMetrics::is_current(Series& series) const {
  const std::uint32_t changes = zone_.changes();
  if (series.checked_at == changes) return true;
  const auto current = [this](const Cells& cells) { return zone_.is_current(cells.handle); };
  if (!current(series.status) || !current(series.latency[0]) || !current(series.latency[2]) ||
      !current(series.bandwidth[0]) || !current(series.bandwidth[1]) ||
      (series.has_upstream_latency && !current(series.latency[1]))) {
    return false;
  }
  series.checked_at = changes;
  return true;
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
  // Most requests take less than the least bound.
  const auto at =
      value <= buckets_.front() ? 0 : std::ranges::lower_bound(buckets_, value) - buckets_.begin();
  cells.first[at].add(1);
  cells.first[buckets_.size() + 1].add(value);
}

void RequestMetrics::count(Request& facade, bool prefer_name) {
  if (!can_count_) return;
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
  if (values.node != nullptr) observe(series.latency[1], upstream_ms);
  observe(series.latency[2], std::max(0.0, total_ms - upstream_ms));
  series.bandwidth[0].first->add(static_cast<double>(request.received.bytes));
  series.bandwidth[1].first->add(static_cast<double>(request.response.bytes_sent));
}

}  // namespace apisix::plugin
