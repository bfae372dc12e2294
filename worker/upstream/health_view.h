// HealthView: what health checks say about the nodes of one upstream. The version changes with every change,
// so that a pick costs one comparison; without a view all nodes are healthy.
#pragma once

#include <cstdint>

namespace apisix::upstream {

struct Node;

class HealthView {
 public:
  virtual ~HealthView() = default;

  virtual std::uint64_t version() const = 0;
  virtual bool is_healthy(const Node& node) const = 0;
};

}  // namespace apisix::upstream
