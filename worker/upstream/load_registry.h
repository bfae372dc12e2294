// LoadRegistry: keeps what balancers know about nodes (NodeLoad) across configuration changes, per upstream.
// One per worker. An unused table is kept for a minute, as long as ewma remembers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "shared/base/text.h"
#include "worker/upstream/balance/node_load.h"

namespace apisix::upstream {

class LoadTable : public base::Counted<LoadTable> {
 public:
  // The load of a node; `node` names it within the upstream, priority included.
  base::Ref<NodeLoad> load_of(std::string_view node);
  // Drops what no picker holds (so nothing is active) and was not measured since `before_us`.
  void sweep(std::uint64_t before_us);
  bool empty() const { return loads_.empty(); }

 private:
  std::unordered_map<std::string, base::Ref<NodeLoad>, base::StringHash, std::equal_to<>> loads_;
};

class LoadRegistry {
 public:
  // `upstream` identifies the upstream over its versions; "" gives a table that is not shared.
  base::Ref<LoadTable> table_of(std::string_view upstream, std::uint64_t now_us);

 private:
  static constexpr std::uint64_t kKeepUs = 60'000'000;

  void sweep(std::uint64_t now_us);

  std::unordered_map<std::string, base::Ref<LoadTable>, base::StringHash, std::equal_to<>> tables_;
  std::uint64_t swept_us_ = 0;
};

}  // namespace apisix::upstream
