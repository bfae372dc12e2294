#include "shared/memory/metric_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace apisix::memory {
namespace {

// Entries that are looked at in one slice: about a tenth of a millisecond.
constexpr std::size_t kListedPerSlice = 4096;

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

void append_value(std::string& out, double value) {
  out += ' ';
  append_number(out, value);
  out += '\n';
}

// name_suffix{labels} value
void append_line(std::string& out, std::string_view name, std::string_view suffix, std::string_view labels,
                 double value) {
  out.append(name).append(suffix);
  if (!labels.empty()) (out += '{').append(labels) += '}';
  append_value(out, value);
}

// `bounds`: `le="0.5"}`, the last of them +Inf's.
void append_histogram(std::string& out, std::string_view name, const std::vector<std::string>& bounds,
                      std::string_view labels, const double* values) {
  // The same in front of every bound: written once, then copied.
  std::string start;
  start.reserve(name.size() + labels.size() + 16);
  start.append(name).append("_bucket{").append(labels);
  if (!labels.empty()) start += ',';
  double count = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    count += values[i];
    out.append(start).append(bounds[i]);
    append_value(out, count);
  }
  append_line(out, name, "_sum", labels, values[bounds.size()]);
  append_line(out, name, "_count", labels, count);
}

std::vector<std::string> bounds_of(const MetricFamily& family) {
  std::vector<std::string> texts;
  const auto add = [&texts](double bound) {
    std::string& text = texts.emplace_back("le=\"");
    append_number(text, bound);
    text += "\"}";
  };
  for (const double bound : family.bounds) add(bound);
  add(std::numeric_limits<double>::infinity());
  return texts;
}

bool is_latest(const MetricZone& zone, std::size_t id, std::size_t count) {
  const auto name = zone.family(static_cast<FamilyId>(id)).name;
  for (std::size_t later = id + 1; later < count; ++later) {
    if (zone.family(static_cast<FamilyId>(later)).name == name) return false;
  }
  return true;
}

}  // namespace

MetricText::MetricText(const MetricZone& zone) : zone_(zone), families_(zone.family_count()) {
  for (std::size_t id = 0; id < families_.size(); ++id) {
    if (!is_latest(zone, id, families_.size())) continue;
    const auto name = zone.family(static_cast<FamilyId>(id)).name;
    order_.push_back(static_cast<FamilyId>(id));
    for (std::size_t older = id; older-- > 0;) {
      if (zone.family(static_cast<FamilyId>(older)).name == name) {
        order_.push_back(static_cast<FamilyId>(older));
      }
    }
  }
}

void MetricText::list() {
  std::vector<MetricZone::Listed> found;
  const auto next = zone_.list(listed_, kListedPerSlice, found);
  for (const MetricZone::Listed& series : found) {
    if (series.family < families_.size()) families_[series.family].push_back(series);
  }
  if (next) {
    listed_ = *next;
  } else if (order_.empty()) {
    state_ = State::kDone;
  } else {
    state_ = State::kWriting;
    begin_family();
  }
}

void MetricText::begin_family() {
  const FamilyId id = order_[at_family_];
  const MetricFamily family = zone_.family(id);
  if (family.name != zone_.family(latest_).name || at_family_ == 0) {
    latest_ = id;
    has_head_ = false;
    shown_.clear();
  }
  if (family.type == MetricType::kHistogram) bounds_ = bounds_of(family);
}

// What was counted with other bounds is shown until it is counted again.
void MetricText::end_family() {
  const FamilyId family = order_[at_family_];
  std::vector<MetricZone::Listed>().swap(families_[family]);
  at_series_ = 0;
  if (++at_family_ == order_.size()) {
    state_ = State::kDone;
    return;
  }
  begin_family();
}

// Only where an older family of the same name comes behind it.
void MetricText::note_shown(FamilyId family) {
  if (at_family_ + 1 == order_.size()) return;
  if (zone_.family(order_[at_family_ + 1]).name != zone_.family(family).name) return;
  for (const MetricZone::Series& series : slice_.series) shown_.emplace(series.labels);
}

void MetricText::write(std::string& out, std::size_t series_max) {
  const FamilyId id = order_[at_family_];
  const MetricFamily family = zone_.family(id);
  const std::span<const MetricZone::Listed> all = families_[id];
  const auto part = all.subspan(at_series_, std::min(series_max, all.size() - at_series_));
  zone_.read(part, slice_);
  const double* values = slice_.values.data();
  for (const MetricZone::Series& series : slice_.series) {
    const double* const own = values;
    values += MetricZone::cell_count(family);
    if (!shown_.empty() && shown_.contains(std::string(series.labels))) continue;
    if (!has_head_) append_head(out, zone_.family(latest_));
    has_head_ = true;
    if (family.type == MetricType::kHistogram) {
      append_histogram(out, family.name, bounds_, series.labels, own);
    } else {
      append_line(out, family.name, {}, series.labels, *own);
    }
  }
  note_shown(id);
  at_series_ += part.size();
  if (at_series_ == all.size()) end_family();
}

bool MetricText::append(std::string& out, std::size_t series_max) {
  if (state_ == State::kListing) {
    list();
  } else if (state_ == State::kWriting) {
    write(out, series_max);
  }
  return state_ != State::kDone;
}

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

void write_metrics_text(const MetricZone& zone, std::string& out) {
  MetricText text(zone);
  while (text.append(out, kListedPerSlice)) {
  }
}

}  // namespace apisix::memory
