// MetricText: the metrics of a zone in Prometheus' text format (0.0.4), families in the order of their
// registration, written in slices, so that the process that writes a large export can do other things in
// between. A series that is there from the first slice to the last one is in the text once, with a value of
// that time; one that comes or is retired meanwhile may be missing. It holds a few bytes for each series.
//
//   listing -> writing -> done
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "shared/memory/metric_zone.h"

namespace apisix::memory {

class MetricText {
 public:
  // The zone outlives it.
  explicit MetricText(const MetricZone& zone);
  MetricText(const MetricText&) = delete;
  MetricText& operator=(const MetricText&) = delete;

  // Appends the lines of at most `series_max` series, or does a part of the work before the first. False:
  // that was all.
  bool append(std::string& out, std::size_t series_max);

 private:
  enum class State : std::uint8_t { kListing, kWriting, kDone };

  void list();
  void begin_family();
  void end_family();
  void write(std::string& out, std::size_t series_max);
  void note_shown(FamilyId family);

  const MetricZone& zone_;
  State state_ = State::kListing;
  SeriesId listed_ = 0;
  std::vector<std::vector<MetricZone::Listed>> families_;  // by id
  // In which order the families are written: one that was registered anew with other bounds before the older
  // ones of its name.
  std::vector<FamilyId> order_;
  std::size_t at_family_ = 0;  // in order_
  std::size_t at_series_ = 0;  // in that family
  FamilyId latest_ = 0;        // of that family's name
  bool has_head_ = false;      // of the name
  // What newer families of the name have shown: a series must not be there twice.
  std::unordered_set<std::string> shown_;
  std::vector<std::string> bounds_;  // of the family, as they stand in a line
  MetricZone::Snapshot slice_;
};

// All of it at once.
void write_metrics_text(const MetricZone& zone, std::string& out);

// A number as the format wants it: shortest form, "+Inf", "-Inf", "NaN".
void append_number(std::string& out, double value);

}  // namespace apisix::memory
