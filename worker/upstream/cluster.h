// Cluster: balances over the nodes of one version of an upstream object (NodeSource says which have an
// address, HealthView which are healthy). Immutable but for what balancing learns. A request in flight keeps
// the Ref that it started with.
//
//   PickContext context{...};                    // one per request
//   auto pick = cluster->pick(context);          // kResolving: wait_resolved(), then pick again
//   ... connect to pick.address:pick.port ...
//   cluster->after(context, pick.node->index, {.failed = true, ...});   // exactly once per successful pick
//   pick = cluster->pick(context);               // a retry: another node
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/counted.h"
#include "shared/base/ip.h"
#include "shared/resolve/resolver.h"
#include "worker/upstream/balance/picker.h"
#include "worker/upstream/hash_key.h"
#include "worker/upstream/health_view.h"
#include "worker/upstream/load_registry.h"
#include "worker/upstream/node_source.h"

namespace apisix::memory {
class HealthTable;
}

namespace apisix::upstream {

struct ClusterConfig {
  // Identifies the upstream over its versions ("/upstreams/1", "/routes/7"); "" = balancing starts afresh.
  std::string id;
  std::string type = "roundrobin";
  HashOn hash_on = HashOn::kVars;
  std::string key;  // chash
  std::vector<ClusterNode> nodes;
};

// What a worker has one of. All outlive the clusters; `resolver` may be null where no node has a name.
struct ClusterDeps {
  base::Random& random;
  LoadRegistry& loads;
  resolve::Resolver* resolver = nullptr;
  memory::HealthTable* health = nullptr;  // null: no health checks
};

enum class PickError : unsigned char {
  kNone,
  kResolving,        // names are being looked up: wait_resolved()
  kNoNodes,          // 503
  kDnsFailed,        // no node has an address: 503
  kUnknownBalancer,  // `type` is none that we know: 500
  kAllTried,         // 502
};

// The status that APISIX responds with; 0 for kNone and kResolving.
int status_of(PickError error);
// For the error log, APISIX's wording.
std::string_view text_of(PickError error);

struct ClusterPick {
  PickError error = PickError::kNone;
  const Node* node = nullptr;  // as long as the cluster
  base::IpAddress address;
  std::uint16_t port = 0;

  explicit operator bool() const { return error == PickError::kNone; }
  socklen_t to_sockaddr(sockaddr_storage& out) const { return address.to_sockaddr(port, out); }
};

// One request's. Trivially destructible.
struct PickContext {
  std::string_view hash_key = {};  // where cluster.needs_hash_key()
  std::uint64_t now_us = 0;        // monotonic, of this pick
  TriedSet tried = {};
  std::uint32_t picks = 0;         // so far
  std::uint64_t address_seed = 0;  // which of several addresses of a name
};

class Cluster : public base::Counted<Cluster> {
 public:
  // Never fails: what is wrong with the configuration shows when a node is picked, as in APISIX.
  // `now_us` is monotonic. Lookups of names start at once.
  static base::Ref<Cluster> make(const ClusterConfig& config, const ClusterDeps& deps, std::uint64_t now_us);
  ~Cluster();

  // Distinct (host, port, priority); the last of equal ones counts. `retries` defaults to this - 1.
  std::size_t node_count() const { return nodes_.size(); }
  std::span<const Node> nodes() const { return nodes_; }
  const std::string& id() const { return id_; }
  // APISIX's `type`; "" when it is none that we know.
  std::string_view balancer_name() const { return balancer_ ? name_of(*balancer_) : ""; }

  bool needs_hash_key() const { return needs_hash_key_; }
  const HashKey& hash_key() const { return hash_key_; }
  // Must outlive the cluster or be replaced; null = all are healthy.
  void set_health(const HealthView* health);

  // Skips what `context` has tried, unless there is only one node. Counts into least_conn: call after().
  ClusterPick pick(PickContext& context);
  // What pick() would say now, without advancing the balancer; of a name with several addresses it is any of
  // them. Like pick() it counts as a use of the names and of the health checks.
  ClusterPick peek(PickContext context);
  // The exchange with a picked node is over; a failed one marks the node as tried.
  void after(PickContext& context, NodeIndex index, const PickOutcome& outcome);
  // A callback from the ready queue when pick() gives another result than kResolving.
  void wait_resolved(ClusterWait& wait) { source_->wait(wait); }

 private:
  Cluster(const ClusterConfig& config, const ClusterDeps& deps, std::uint64_t now_us);
  void make_balancer(const ClusterConfig& config, LoadRegistry& load_registry, std::uint64_t now_us);
  bool is_current() const;
  // Between two requests, so that the next one finds the picker ready.
  void on_nodes_changed() {
    if (!is_current()) refresh_usable();
  }
  void refresh_usable();
  // kNone: the picker is up to date and has a node to choose from.
  PickError become_ready();
  bool has_choice() const { return nodes_.size() > 1 || balancer_ == Balancer::kLeastConn; }
  ClusterPick picked(PickContext& context, const Node& node, base::Random& random);

  const std::string id_;
  base::Random& random_;
  const std::unique_ptr<NodeSource> source_;
  const std::span<const Node> nodes_;  // of the source
  HashKey hash_key_;
  bool needs_hash_key_ = false;
  std::optional<Balancer> balancer_;
  std::unique_ptr<Picker> picker_;  // null: unknown type
  const HealthView* health_ = nullptr;

  // The last input of the picker.
  bool picker_is_current_ = true;
  std::uint64_t picker_health_version_ = 0;
  std::uint64_t told_nodes_ = 0;
};

}  // namespace apisix::upstream
