// NodeHealth: a worker's view of the health of one upstream's nodes, in the table that it shares with the
// other workers and the agent. Looking at it says that the upstream is in use: that is what starts its
// checks. Passive checks report here what became of requests. Owned by the compiled upstream, next to its
// cluster.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shared/memory/health_table.h"
#include "shared/resource/health_checks.h"
#include "worker/upstream/cluster.h"
#include "worker/upstream/health_view.h"

namespace apisix::upstream {

class NodeHealth final : public HealthView {
 public:
  // `checker`: the store's key of what has the upstream in it. `table` outlives this.
  NodeHealth(memory::HealthTable& table, std::string checker, resource::HealthChecks checks);

  std::uint64_t version() const override;
  bool is_healthy(const Node& node) const override;
  bool is_healthy(const Node& node, const base::IpAddress& ip) const override;

  const std::string& checker() const { return checker_; }
  const resource::HealthChecks& checks() const { return checks_; }

  // --- what happened to requests; `ip` is the node's address that was used
  // The attempt failed and is retried on another node.
  void on_retried(const Node& node, const base::IpAddress& ip, bool timed_out);
  // The node responded.
  void on_response(const Node& node, const base::IpAddress& ip, std::uint16_t status);
  // The last attempt failed, the client gets `status`.
  void on_failed(const Node& node, const base::IpAddress& ip, bool timed_out, std::uint16_t status);

 private:
  struct Known {
    base::IpAddress ip;
    memory::HealthTable::Ref ref;
  };

  std::uint16_t port_of(const Node& node) const;
  memory::HealthTable::Ref target_of(const Node& node, const base::IpAddress& ip) const;
  void report_status(const Node& node, const base::IpAddress& ip, std::uint16_t status);
  void report_failure(const Node& node, const base::IpAddress& ip, bool timed_out);
  void report(const Node& node, const base::IpAddress& ip, memory::HealthEvent event, std::uint8_t limit);

  memory::HealthTable& table_;
  const std::string checker_;
  const resource::HealthChecks checks_;
  // What was found in the table, per node; looked for again when a place in it is another's.
  mutable memory::HealthTable::Ref ref_;
  mutable std::uint64_t wanted_at_ms_ = 0;
  mutable std::uint64_t known_version_ = 0;
  mutable std::vector<std::vector<Known>> known_;
};

}  // namespace apisix::upstream
