// HealthPlan: what has to be checked for one upstream, from the stored object that has it in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "privileged-agent/jobs/probe.h"
#include "shared/base/ip.h"
#include "shared/resource/health_checks.h"
#include "shared/store/store.h"

namespace apisix::agent {

struct HealthPlan {
  struct Node {
    std::string host;        // as configured
    std::uint16_t port = 0;  // that is checked
    bool is_name = false;
  };

  resource::HealthChecks checks;
  std::string upstream_host;  // of pass_host "rewrite", else ""
  bool is_udp = false;        // the upstream's scheme
  ShownCertificate shown;     // to its nodes
  std::vector<Node> nodes;

  // How to ask one address of a node.
  ProbePlan probe_of(const Node& node, const base::IpAddress& ip) const;
};

// None for objects without checks, or of another kind. `kind` is the folder in the store: "routes".
std::optional<HealthPlan> health_plan_of(std::string_view kind, const store::Item& item);

}  // namespace apisix::agent
