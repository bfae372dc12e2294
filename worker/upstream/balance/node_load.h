// NodeLoad: what least_conn and ewma know about one node. Outlives the pickers: a configuration change
// builds a new picker over the loads of the old one, and requests in flight release into the same load.
#pragma once

#include <cstdint>

#include "shared/base/counted.h"

namespace apisix::upstream {

class LeastConn;

struct NodeLoad : base::Counted<NodeLoad> {
  std::uint32_t active = 0;  // exchanges in flight
  double ewma_us = 0;        // decayed latency as of touched_us
  std::uint64_t touched_us = 0;
  std::uint64_t last_turn = 0;  // ties: who was chosen longest ago comes first

  // The heap of the newest picker that this load is in; none while it is in no picker.
  LeastConn* heap = nullptr;
  std::uint32_t heap_position = 0;
};

}  // namespace apisix::upstream
