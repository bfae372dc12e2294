#include "shared/memory/metric_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace apisix::memory {
namespace {

struct Line {
  std::string_view name;
  std::string_view suffix;
  std::string_view labels;
};

// name_suffix{labels,le="bound"} value
void append_line(std::string& out, const Line& line, std::string_view bound, double value) {
  out.append(line.name).append(line.suffix);
  if (!line.labels.empty() || !bound.empty()) {
    out += '{';
    out.append(line.labels);
    if (!bound.empty()) {
      if (!line.labels.empty()) out += ',';
      out.append("le=\"").append(bound) += '"';
    }
    out += '}';
  }
  out += ' ';
  append_number(out, value);
  out += '\n';
}

void append_head(std::string& out, const MetricFamily& family) {
  static constexpr std::array<std::string_view, 4> kTypes = {"untyped", "counter", "gauge", "histogram"};
  out.append("# HELP ").append(family.name) += ' ';
  for (const char c : family.help) {
    if (c == '\n') {
      out.append("\\n");
      continue;
    }
    if (c == '\\') out += '\\';
    out += c;
  }
  out.append("\n# TYPE ").append(family.name) += ' ';
  out.append(kTypes[static_cast<std::size_t>(family.type)]) += '\n';
}

class Histogram {
 public:
  explicit Histogram(const MetricFamily& family) : name_(family.name) {
    for (const double bound : family.bounds) append_number(bounds_.emplace_back(), bound);
    bounds_.emplace_back("+Inf");
  }

  void append(std::string& out, std::string_view labels, const double* values) const {
    double count = 0;
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      count += values[i];
      append_line(out, {name_, "_bucket", labels}, bounds_[i], count);
    }
    append_line(out, {name_, "_sum", labels}, {}, values[bounds_.size()]);
    append_line(out, {name_, "_count", labels}, {}, count);
  }

 private:
  std::string_view name_;
  std::vector<std::string> bounds_;
};

struct Found {
  std::string_view labels;
  const double* values;
};

void append_samples(std::string& out, const MetricFamily& family, const std::vector<Found>& series) {
  if (family.type == MetricType::kHistogram) {
    const Histogram histogram(family);
    for (const Found& each : series) histogram.append(out, each.labels, each.values);
    return;
  }
  for (const Found& each : series) append_line(out, {family.name, {}, each.labels}, {}, *each.values);
}

bool is_latest(const MetricZone& zone, std::size_t id, std::size_t count) {
  const auto name = zone.family(static_cast<FamilyId>(id)).name;
  for (std::size_t later = id + 1; later < count; ++later) {
    if (zone.family(static_cast<FamilyId>(later)).name == name) return false;
  }
  return true;
}

// What was counted with other bounds is shown until it is counted again: a series must not be there twice.
void append_family(std::string& out, const MetricZone& zone, const std::vector<std::vector<Found>>& families,
                   std::size_t current) {
  const MetricFamily family = zone.family(static_cast<FamilyId>(current));
  bool has_head = false;
  const auto append = [&](const MetricFamily& of, const std::vector<Found>& series) {
    if (series.empty()) return;
    if (!has_head) append_head(out, family);
    has_head = true;
    append_samples(out, of, series);
  };
  append(family, families[current]);
  std::unordered_set<std::string_view> shown;
  for (std::size_t id = current; id-- > 0;) {
    if (families[id].empty() || zone.family(static_cast<FamilyId>(id)).name != family.name) continue;
    for (const Found& series : families[current]) shown.insert(series.labels);
    std::vector<Found> others;
    for (const Found& series : families[id]) {
      if (shown.insert(series.labels).second) others.push_back(series);
    }
    append(zone.family(static_cast<FamilyId>(id)), others);
  }
}

}  // namespace

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out.append("NaN");
    return;
  }
  if (std::isinf(value)) {
    out.append(value > 0 ? "+Inf" : "-Inf");
    return;
  }
  std::array<char, 32> text;
  // Counts are whole: without an exponent, and faster.
  const bool is_whole = std::abs(value) < 1e15 && value == std::trunc(value);
  const auto end = is_whole
                       ? std::to_chars(text.data(), text.data() + text.size(), static_cast<long long>(value))
                       : std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), end.ptr);
}

void write_metrics_text(const MetricZone& zone, const MetricZone::Snapshot& snapshot, std::string& out) {
  std::vector<std::vector<Found>> families(zone.family_count());
  const double* values = snapshot.values.data();
  for (const auto& series : snapshot.series) {
    if (series.family < families.size()) families[series.family].push_back({series.labels, values});
    values += MetricZone::cell_count(zone.family(series.family));
  }
  for (std::size_t id = 0; id < families.size(); ++id) {
    if (is_latest(zone, id, families.size())) append_family(out, zone, families, id);
  }
}

}  // namespace apisix::memory
