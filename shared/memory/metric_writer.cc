#include "shared/memory/metric_writer.h"

#include <algorithm>

#include "shared/base/utf8.h"

namespace apisix::memory {

void append_label(std::string& labels, std::string_view name, std::string_view value) {
  if (!labels.empty()) labels += ',';
  labels.append(name).append("=\"");
  std::string cleaned;
  if (!base::is_utf8(value)) {  // the text format is UTF-8: one such byte and a scrape is lost
    base::append_utf8(cleaned, value);
    value = cleaned;
  }
  for (const char c : value) {
    if (c == '\\' || c == '"') labels += '\\';
    if (c == '\n') {
      labels.append("\\n");
    } else {
      labels += c;
    }
  }
  labels += '"';
}

MetricWriter::MetricWriter(MetricZone& zone, std::size_t owner)
    : zone_(zone), owner_(owner), is_enrolled_(zone.enroll(owner)) {}

base::Result<FamilyId> MetricWriter::add_family(const MetricFamily& family) {
  const auto id = zone_.add_family(family);
  if (!id) return id;
  if (families_.size() <= *id) families_.resize(*id + std::size_t{1});
  families_[*id].type = family.type;
  families_[*id].bounds.assign(family.bounds.begin(), family.bounds.end());
  return id;
}

// A family of another process is none of ours, and a mistaken type would write into the neighbour's cells.
bool MetricWriter::counts(FamilyId family, MetricType type) const {
  return is_enrolled_ && family < families_.size() && families_[family].type == type;
}

const MetricWriter::Known& MetricWriter::find(FamilyId family, std::string_view labels) {
  auto& known = families_[family].known;
  auto found = known.find(labels);
  if (found != known.end() && zone_.is_current(found->second.handle)) return found->second;
  if (found == known.end()) {
    // Series that overflowed are remembered too: their number has no other bound.
    if (known.size() > 2 * zone_.series_max()) known.clear();
    found = known.try_emplace(std::string(labels)).first;
  }
  const auto handle = zone_.find_or_add(family, labels);
  const bool is_gauge = families_[family].type == MetricType::kGauge;
  found->second = {handle, is_gauge ? zone_.shared_cells(handle.id) : zone_.cells(handle.id, owner_)};
  return found->second;
}

void MetricWriter::add(FamilyId counter, std::string_view labels, double by) {
  if (counts(counter, MetricType::kCounter)) find(counter, labels).cells[0].add(by);
}

void MetricWriter::observe(FamilyId histogram, std::string_view labels, double value) {
  if (!counts(histogram, MetricType::kHistogram)) return;
  MetricCell* const cells = find(histogram, labels).cells;
  const auto& bounds = families_[histogram].bounds;
  const auto at = std::ranges::lower_bound(bounds, value) - bounds.begin();
  cells[at].add(1);
  cells[bounds.size() + 1].add(value);
}

void MetricWriter::set(FamilyId gauge, std::string_view labels, double value) {
  if (!counts(gauge, MetricType::kGauge)) return;
  const Known& known = find(gauge, labels);
  // One value for several series would say nothing.
  if (!known.handle.is_overflow) known.cells[0].set(value);
}

}  // namespace apisix::memory
