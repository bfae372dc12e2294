#include "worker/upstream/cluster.h"

#include <algorithm>

#include "shared/base/crc32.h"
#include "shared/base/log.h"

namespace apisix::upstream {
namespace {

ClusterPick failed(PickError error) {
  ClusterPick pick;
  pick.error = error;
  return pick;
}

}  // namespace

int status_of(PickError error) {
  switch (error) {
    case PickError::kNone:
    case PickError::kResolving:
      return 0;
    case PickError::kNoNodes:
    case PickError::kDnsFailed:
      return 503;
    case PickError::kUnknownBalancer:
      return 500;
    case PickError::kAllTried:
      return 502;
  }
  return 500;
}

std::string_view text_of(PickError error) {
  switch (error) {
    case PickError::kNone:
      return "";
    case PickError::kResolving:
      return "the names of the upstream are being resolved";
    case PickError::kNoNodes:
      return "no valid upstream node";
    case PickError::kDnsFailed:
      return "no valid upstream node: none of its names resolves";
    case PickError::kUnknownBalancer:
      return "invalid balancer type";
    case PickError::kAllTried:
      return "failed to find valid upstream server, all upstream servers tried";
  }
  return "";
}

base::Ref<Cluster> Cluster::make(const ClusterConfig& config, const ClusterDeps& deps, std::uint64_t now_us) {
  return base::Ref<Cluster>(new Cluster(config, deps, now_us));
}

Cluster::Cluster(const ClusterConfig& config, const ClusterDeps& deps, std::uint64_t now_us)
    : id_(config.id),
      random_(deps.random),
      source_(NodeSource::make(config.nodes, deps.resolver)),
      nodes_(source_->nodes()),
      hash_key_(config.hash_on, config.key) {
  make_balancer(config, deps.loads, now_us);
  picker_is_current_ = std::ranges::all_of(nodes_, &Node::is_literal);
  source_->set_listener(base::Delegate<void()>::of<&Cluster::on_nodes_changed>(*this));
}

Cluster::~Cluster() = default;

void Cluster::make_balancer(const ClusterConfig& config, LoadRegistry& load_registry, std::uint64_t now_us) {
  balancer_ = parse_balancer(config.type);
  if (!balancer_) return;
  needs_hash_key_ = balancer_ == Balancer::kChash && (nodes_.size() > 1 || !source_->is_static());
  const auto loads = load_registry.table_of(config.id, now_us);
  std::vector<PickerEntry> entries;
  for (const auto& node : nodes_) {
    PickerEntry entry;
    entry.index = node.index;
    entry.weight = node.weight;
    entry.priority = node.priority;
    entry.ring_id = node.host_port;
    entry.load = loads->load_of(std::to_string(node.priority) + '#' + node.host_port);
    entries.push_back(std::move(entry));
  }
  picker_ = make_picker(*balancer_, std::move(entries), random_);
}

void Cluster::set_health(const HealthView* health) {
  health_ = health;
  picker_is_current_ = false;
}

bool Cluster::is_current() const {
  return picker_is_current_ && source_->version() == told_nodes_ &&
         (health_ == nullptr || health_->version() == picker_health_version_);
}

// Tells the picker which nodes have an address and are healthy; when none is healthy, health is ignored.
void Cluster::refresh_usable() {
  picker_is_current_ = true;
  told_nodes_ = source_->version();
  if (health_ == nullptr) {
    if (picker_) picker_->set_usable(source_->usable());
    return;
  }
  picker_health_version_ = health_->version();
  std::vector<std::uint8_t> healthy = source_->usable();
  for (const auto& node : nodes_) healthy[node.index] &= health_->is_healthy(node);
  const bool any = std::ranges::any_of(healthy, [](std::uint8_t one) { return one != 0; });
  if (!any) base::log_warn("all upstream nodes is unhealthy, use default: {}", id_);
  if (picker_) picker_->set_usable(any ? healthy : source_->usable());
}

PickError Cluster::become_ready() {
  if (nodes_.empty()) return PickError::kNoNodes;
  if (picker_ == nullptr && nodes_.size() > 1) return PickError::kUnknownBalancer;
  if (!source_->is_static()) source_->refresh();
  if (!is_current()) refresh_usable();
  switch (source_->state()) {
    case NodeSource::State::kReady:
      return PickError::kNone;
    case NodeSource::State::kResolving:
      return PickError::kResolving;
    case NodeSource::State::kNoAddress:
      break;
  }
  return PickError::kDnsFailed;
}

ClusterPick Cluster::pick(PickContext& context) {
  if (const PickError error = become_ready(); error != PickError::kNone) return failed(error);
  if (!has_choice()) return picked(context, nodes_[0], random_);
  const NodeIndex index =
      picker_->pick({.hash_key = context.hash_key, .tried = &context.tried, .now_us = context.now_us});
  if (index == kNoNode) return failed(PickError::kAllTried);
  return picked(context, nodes_[index], random_);
}

ClusterPick Cluster::peek(PickContext context) {
  if (const PickError error = become_ready(); error != PickError::kNone) return failed(error);
  base::Random random = random_;
  if (!has_choice()) return picked(context, nodes_[0], random);
  const NodeIndex index =
      picker_->peek({.hash_key = context.hash_key, .tried = &context.tried, .now_us = context.now_us});
  if (index == kNoNode) return failed(PickError::kAllTried);
  return picked(context, nodes_[index], random);
}

// Of several addresses: a key keeps its own (the addresses are sorted), others start anywhere; a retry of the
// same name goes on to the next.
ClusterPick Cluster::picked(PickContext& context, const Node& node, base::Random& random) {
  ClusterPick pick;
  pick.node = &node;
  pick.port = node.port;
  if (!node.is_name()) {
    pick.address = node.address;
    return pick;
  }
  if (context.picks == 0) {
    context.address_seed = needs_hash_key_ ? base::crc32(context.hash_key) : random.next() >> 1;
  }
  const auto addresses = node.name->addresses();
  pick.address = addresses[(context.address_seed + context.picks) % addresses.size()];
  // The first healthy one from there on; none is: the one it would have been.
  for (std::size_t i = 0; health_ != nullptr && i < addresses.size(); ++i) {
    const auto& address = addresses[(context.address_seed + context.picks + i) % addresses.size()];
    if (!health_->is_healthy(node, address)) continue;
    pick.address = address;
    break;
  }
  ++context.picks;
  return pick;
}

void Cluster::after(PickContext& context, NodeIndex index, const PickOutcome& outcome) {
  if (picker_) picker_->after(index, outcome);
  if (outcome.failed && nodes_.size() > 1) context.tried.mark(index);
}

}  // namespace apisix::upstream
