// HealthView: what health checks say about the nodes of one upstream. The version changes with every change,
// so that a pick costs one comparison; without a view all nodes are healthy.
#pragma once

#include <cstdint>

#include "shared/base/ip.h"

namespace apisix::upstream {

struct Node;

class HealthView {
 public:
  virtual ~HealthView() = default;

  virtual std::uint64_t version() const = 0;
  // With a name: one of its addresses is.
  virtual bool is_healthy(const Node& node) const = 0;
  // One address of a node with a name.
  virtual bool is_healthy(const Node& node, const base::IpAddress& ip) const = 0;
};

}  // namespace apisix::upstream
