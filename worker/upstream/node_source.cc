#include "worker/upstream/node_source.h"

#include <algorithm>
#include <map>
#include <utility>

namespace apisix::upstream {
namespace {

std::string bracketed(const std::string& host) {
  const bool is_bare_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
  return is_bare_v6 ? '[' + host + ']' : host;
}

std::vector<Node> make_nodes(const std::vector<ClusterNode>& configured, resolve::Resolver* resolver) {
  std::vector<Node> out;
  std::map<std::pair<std::int32_t, std::string>, NodeIndex> seen;
  for (const auto& given : configured) {
    Node node;
    node.index = static_cast<NodeIndex>(out.size());
    node.host = bracketed(given.host);
    node.host_port = node.host + ':' + std::to_string(given.port);
    node.port = given.port;
    node.weight = given.weight;
    node.priority = given.priority;
    const auto [same, is_new] = seen.try_emplace({node.priority, node.host_port}, node.index);
    if (!is_new) {
      out[same->second].weight = given.weight;
      continue;
    }
    if (const auto address = base::IpAddress::parse(node.host)) {
      node.address = *address;
      node.is_literal = true;
    } else if (resolver != nullptr) {
      node.name = resolver->follow(node.host);
    }
    out.push_back(std::move(node));
  }
  return out;
}

}  // namespace

std::unique_ptr<NodeSource> NodeSource::make(const std::vector<ClusterNode>& nodes,
                                             resolve::Resolver* resolver) {
  auto made = make_nodes(nodes, resolver);
  if (std::ranges::any_of(made, &Node::is_name))
    return std::make_unique<DnsNodes>(std::move(made), *resolver);
  return std::make_unique<StaticNodes>(std::move(made));
}

NodeSource::NodeSource(std::vector<Node> nodes, bool is_static)
    : nodes_(std::move(nodes)), usable_(nodes_.size(), 1), is_static_(is_static) {}

StaticNodes::StaticNodes(std::vector<Node> nodes) : NodeSource(std::move(nodes), true) {
  for (const Node& node : nodes_) usable_[node.index] = node.is_literal;
  if (std::ranges::none_of(nodes_, &Node::is_literal)) state_ = State::kNoAddress;
}

DnsNodes::DnsNodes(std::vector<Node> nodes, resolve::Resolver& resolver)
    : NodeSource(std::move(nodes), false),
      resolver_(resolver),
      patience_(
          resolver.timers(),
          [](void* self) {
            auto* source = static_cast<DnsNodes*>(self);
            source->out_of_patience_ = true;
            source->is_current_ = false;
            source->apply_lookups();
          },
          this) {
  for (const Node& node : nodes_) {
    if (!node.is_name()) continue;
    name_waiters_.push_back(std::make_unique<resolve::HostWaiter>(
        resolve::HostWaiter::Callback::of<&DnsNodes::on_resolved>(*this)));
  }
}

void DnsNodes::refresh() {
  touch_names();
  read_names();
}

// A node that is not picked for long must not become the one whose lookup a request waits for.
void DnsNodes::touch_names() {
  const std::uint64_t now = resolver_.timers().now_ms();
  if (now - touched_ms_ < kTouchEveryMs) return;
  touched_ms_ = now;
  for (const Node& node : nodes_) {
    if (node.is_name()) resolver_.touch(*node.name);
  }
}

void DnsNodes::read_names() {
  if (is_current_ && resolver_.generation() == generation_) return;
  is_current_ = true;
  generation_ = resolver_.generation();
  ++version_;
  undecided_ = 0;
  std::size_t reachable = 0;
  for (const Node& node : nodes_) {
    const bool undecided = node.is_name() && node.name->is_undecided();
    const bool failed = !node.is_literal && !undecided && !(node.is_name() && node.name->is_usable());
    undecided_ += undecided;
    usable_[node.index] = !failed && !(undecided && out_of_patience_);
    reachable += !failed && !undecided;
  }
  if (undecided_ == 0) out_of_patience_ = false;
  if (undecided_ > 0 && !(out_of_patience_ && reachable > 0)) {
    state_ = State::kResolving;
  } else {
    state_ = reachable == 0 ? State::kNoAddress : State::kReady;
  }
}

void DnsNodes::wait(ClusterWait& wait) {
  waits_.push_back(wait);
  std::size_t next = 0;
  for (const Node& node : nodes_) {
    if (!node.is_name()) continue;
    resolve::HostWaiter& waiter = *name_waiters_[next++];
    if (node.name->is_undecided() && !waiter.is_waiting()) resolver_.resolve(*node.name, waiter);
  }
  if (!patience_.is_set()) patience_.set_after_ms(kPatienceMs);
  if (undecided_ == 0) wake_all();
}

void DnsNodes::on_resolved(const resolve::ResolvedHost&) {
  apply_lookups();
}

void DnsNodes::apply_lookups() {
  read_names();
  if (on_change_) on_change_();
  if (state_ != State::kResolving) wake_all();
}

void DnsNodes::wake_all() {
  patience_.cancel();
  while (ClusterWait* const wait = waits_.pop_front()) {
    resolver_.ready().push(
        wait->ready_, [](void* context) { static_cast<ClusterWait*>(context)->callback_(); }, wait);
  }
}

}  // namespace apisix::upstream
