// What `apisix status` prints.
#pragma once

#include <string>
#include <vector>

#include "master/view/text_table.h"
#include "shared/format/json.h"
#include "shared/inspect/instance.h"

namespace apisix::master {

// One look, and an earlier one that requests per second are counted from: the same one when there is none.
struct TwoSamples {
  const inspect::InstanceStatus& before;
  const inspect::InstanceStatus& now;

  double seconds() const;
  // Requests per second of the instance; 0 without a time between the looks.
  double request_rate() const;
  // Of one process of `now`.
  double request_rate(const inspect::ProcessStatus& process) const;
};

std::vector<std::string> status_lines(const TwoSamples& samples, const TextStyle& style);
// The document of GET /v1/status, and "requests_per_s".
format::Json status_json(const TwoSamples& samples);

}  // namespace apisix::master
