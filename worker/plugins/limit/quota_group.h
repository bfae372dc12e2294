// Groups of quotas: configurations that share counters by name must be alike, or the same counter would have
// two limits. This process remembers what it saw of each group for a while; a write that differs is refused.
#pragma once

#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::plugins {

class QuotaGroups {
 public:
  static constexpr std::size_t kGroupsMax = 1024;
  static constexpr std::uint64_t kRememberedMs = 300'000;

  // No group: fine.
  static base::Status check(const format::Json& conf);
  static void remember(const format::Json& conf);
};

}  // namespace apisix::plugins
