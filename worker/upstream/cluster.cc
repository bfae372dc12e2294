#include "worker/upstream/cluster.h"

#include <algorithm>
#include <map>

#include "shared/base/log.h"
#include "worker/upstream/balance/crc32.h"

namespace apisix::upstream {
namespace {

std::string bracketed(const std::string& host) {
  const bool is_bare_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
  return is_bare_v6 ? '[' + host + ']' : host;
}

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

base::Ref<Cluster> Cluster::make(const ClusterConfig& config, const ClusterWorld& world,
                                 std::uint64_t now_us) {
  return base::Ref<Cluster>(new Cluster(config, world, now_us));
}

Cluster::Cluster(const ClusterConfig& config, const ClusterWorld& world, std::uint64_t now_us)
    : id_(config.id), world_(world), hash_key_(config.hash_on, config.key) {
  add_nodes(config);
  make_balancer(config, now_us);
  usable_.assign(nodes_.size(), 1);
  reachable_ = nodes_.size();
  told_ = std::ranges::all_of(nodes_, &Node::is_literal);
  if (!has_names_) return;
  patience_ = std::make_unique<event::Timer>(
      world_.resolver->timers(),
      [](void* self) {
        auto* cluster = static_cast<Cluster*>(self);
        cluster->out_of_patience_ = true;
        cluster->told_ = false;
        cluster->on_resolved();
      },
      this);
}

Cluster::~Cluster() = default;

void Cluster::add_nodes(const ClusterConfig& config) {
  std::map<std::pair<std::int32_t, std::string>, NodeIndex> seen;
  for (const auto& given : config.nodes) {
    Node node;
    node.index = static_cast<NodeIndex>(nodes_.size());
    node.host = bracketed(given.host);
    node.host_port = node.host + ':' + std::to_string(given.port);
    node.port = given.port;
    node.weight = given.weight;
    node.priority = given.priority;
    const auto [same, is_new] = seen.try_emplace({node.priority, node.host_port}, node.index);
    if (!is_new) {
      nodes_[same->second].weight = given.weight;
      continue;
    }
    if (const auto address = base::IpAddress::parse(node.host)) {
      node.address = *address;
      node.is_literal = true;
    } else if (world_.resolver != nullptr) {
      node.name = world_.resolver->follow(node.host);
    }
    has_names_ |= node.is_name();
    nodes_.push_back(std::move(node));
  }
  for (const auto& node : nodes_) {
    if (!node.is_name()) continue;
    name_waiters_.push_back(std::make_unique<resolve::HostWaiter>(
        [](void* self, const resolve::ResolvedHost&) { static_cast<Cluster*>(self)->on_resolved(); }, this));
  }
}

void Cluster::make_balancer(const ClusterConfig& config, std::uint64_t now_us) {
  balancer_ = parse_balancer(config.type);
  if (!balancer_) return;
  needs_hash_key_ = balancer_ == Balancer::kChash && (nodes_.size() > 1 || has_names_);
  const auto loads = world_.loads.table_of(config.id, now_us);
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
  picker_ = make_picker(*balancer_, std::move(entries), world_.random);
}

void Cluster::set_health(const HealthView* health) {
  health_ = health;
  told_ = false;
}

bool Cluster::is_current() const {
  return told_ && (health_ == nullptr || health_->version() == told_health_) &&
         (!has_names_ || world_.resolver->generation() == told_names_);
}

// Tells the picker which nodes have an address and are healthy; when none is healthy, health is ignored.
void Cluster::refresh_usable() {
  told_ = true;
  if (has_names_) told_names_ = world_.resolver->generation();
  undecided_ = 0;
  reachable_ = 0;
  for (const auto& node : nodes_) {
    const bool undecided = node.is_name() && node.name->is_undecided();
    const bool failed = !node.is_literal && !undecided && !(node.is_name() && node.name->is_usable());
    undecided_ += undecided;
    usable_[node.index] = !failed && !(undecided && out_of_patience_);
    reachable_ += !failed && !undecided;
  }
  if (undecided_ == 0) out_of_patience_ = false;
  if (health_ == nullptr) {
    if (picker_) picker_->set_usable(usable_);
    return;
  }
  told_health_ = health_->version();
  std::vector<std::uint8_t> healthy = usable_;
  for (const auto& node : nodes_) healthy[node.index] &= health_->is_healthy(node);
  const bool any = std::ranges::any_of(healthy, [](std::uint8_t one) { return one != 0; });
  if (!any) base::log_warn("all upstream nodes is unhealthy, use default: {}", id_);
  if (picker_) picker_->set_usable(any ? healthy : usable_);
}

// A node that is not picked for long must not become the one whose lookup a request waits for.
void Cluster::touch_names() {
  const std::uint64_t now = world_.resolver->timers().now_ms();
  if (now - touched_ms_ < kTouchEveryMs) return;
  touched_ms_ = now;
  for (const auto& node : nodes_) {
    if (node.is_name()) world_.resolver->touch(*node.name);
  }
}

PickError Cluster::become_ready() {
  if (nodes_.empty()) return PickError::kNoNodes;
  if (picker_ == nullptr && nodes_.size() > 1) return PickError::kUnknownBalancer;
  if (has_names_) touch_names();
  if (!is_current()) refresh_usable();
  if (undecided_ > 0 && !(out_of_patience_ && reachable_ > 0)) return PickError::kResolving;
  return reachable_ == 0 ? PickError::kDnsFailed : PickError::kNone;
}

ClusterPick Cluster::pick(PickContext& context) {
  if (const PickError error = become_ready(); error != PickError::kNone) return failed(error);
  if (!has_choice()) return picked(context, nodes_[0], world_.random);
  const NodeIndex index =
      picker_->pick({.hash_key = context.hash_key, .tried = &context.tried, .now_us = context.now_us});
  if (index == kNoNode) return failed(PickError::kAllTried);
  return picked(context, nodes_[index], world_.random);
}

ClusterPick Cluster::peek(PickContext context) {
  if (const PickError error = become_ready(); error != PickError::kNone) return failed(error);
  base::Random random = world_.random;
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
    context.address_seed = needs_hash_key_ ? crc32(context.hash_key) : random.next() >> 1;
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

void Cluster::wait_resolved(ClusterWait& wait) {
  waits_.append(wait);
  std::size_t next = 0;
  for (const auto& node : nodes_) {
    if (!node.is_name()) continue;
    resolve::HostWaiter& waiter = *name_waiters_[next++];
    if (node.name->is_undecided() && !waiter.is_waiting()) world_.resolver->resolve(*node.name, waiter);
  }
  if (!patience_->is_set()) patience_->set_after_ms(kPatienceMs);
  if (undecided_ == 0) wake_all();
}

void Cluster::on_resolved() {
  if (!is_current()) refresh_usable();
  if (undecided_ == 0 || (out_of_patience_ && reachable_ > 0)) wake_all();
}

void Cluster::wake_all() {
  patience_->cancel();
  while (waits_.is_linked()) {
    auto& wait = static_cast<ClusterWait&>(*waits_.next());
    wait.unlink();
    world_.resolver->ready().push(
        wait.ready_,
        [](void* context) {
          auto* self = static_cast<ClusterWait*>(context);
          self->callback_(self->context_);
        },
        &wait);
  }
}

}  // namespace apisix::upstream
