// MetricWriter: how one process counts. Remembers where its series are, so that counting is a look into a
// hash table and an addition. One per process, on its stack or in its services.
//
//   const auto requests = *writer.add_family({MetricType::kCounter, "apisix_http_requests_total", "..."});
//   labels.clear(); append_label(labels, "code", "200");
//   writer.add(requests, labels);
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/text.h"
#include "shared/memory/metric_zone.h"

namespace apisix::memory {

// Appends `name="value"`, escaped as the text format wants it, after a comma if there is something already;
// with U+FFFD for what is no UTF-8.
void append_label(std::string& labels, std::string_view name, std::string_view value);

class MetricWriter {
 public:
  // `owner`: index of this process's slot in the status zone.
  MetricWriter(MetricZone& zone, std::size_t owner);

  base::Result<FamilyId> add_family(const MetricFamily& family);
  void add(FamilyId counter, std::string_view labels, double by = 1);
  void observe(FamilyId histogram, std::string_view labels, double value);
  // Seen by all processes; the last one counts.
  void set(FamilyId gauge, std::string_view labels, double value);

 private:
  struct Known {
    MetricZone::Handle handle;
    MetricCell* cells;
  };
  struct Family {
    MetricType type = MetricType::kCounter;
    std::vector<double> bounds;
    std::unordered_map<std::string, Known, base::StringHash, std::equal_to<>> known;
  };
  const Known& find(FamilyId family, std::string_view labels);
  bool counts(FamilyId family, MetricType type) const;

  MetricZone& zone_;
  std::size_t owner_;
  bool is_enrolled_;
  std::vector<Family> families_;
};

}  // namespace apisix::memory
