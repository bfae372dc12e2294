// NodeSource: which nodes an upstream has, and where they are: what a cluster balances over. The set of nodes
// is fixed; what may change is which of them have an address. Owned by its Cluster.
//
//   StaticNodes: literal addresses, nothing ever changes
//   DnsNodes:    kResolving --a name has an outcome, or patience is over--> kReady | kNoAddress --name asked
//   again-->
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shared/base/counted.h"
#include "shared/base/delegate.h"
#include "shared/base/ip.h"
#include "shared/base/list.h"
#include "shared/resolve/resolver.h"
#include "worker/upstream/balance/picker.h"

namespace apisix::upstream {

struct ClusterNode {
  std::string host;  // IPv4, IPv6 with or without brackets, or a name
  std::uint16_t port = 0;
  std::uint32_t weight = 1;
  std::int32_t priority = 0;
};

struct Node {
  NodeIndex index = 0;
  std::string host;       // as configured; IPv6 in brackets
  std::string host_port;  // "host:port"
  std::uint16_t port = 0;
  std::uint32_t weight = 1;
  std::int32_t priority = 0;
  bool is_literal = false;                // `host` is an address
  base::IpAddress address;                // of a literal
  base::Ref<resolve::ResolvedHost> name;  // of the others; null when the resolver knows too many names

  bool is_name() const { return static_cast<bool>(name); }
};

// Waits for a source that is kResolving; a member of its owner. Destroying it gives up waiting.
class ClusterWait : private base::Link {
 public:
  using Callback = base::Delegate<void()>;

  explicit ClusterWait(Callback callback) : callback_(callback) {}
  ~ClusterWait() = default;

 private:
  friend class DnsNodes;
  friend class base::List<ClusterWait>;
  Callback callback_;
  event::ReadyNode ready_;
};

class NodeSource {
 public:
  enum class State : unsigned char {
    kReady,      // usable() has something to choose from
    kResolving,  // names are being looked up: wait()
    kNoAddress,  // of no node
  };

  // Of equal (host, port, priority) the last one counts. Lookups of names start at once; `resolver` may be
  // null where no node has a name.
  static std::unique_ptr<NodeSource> make(const std::vector<ClusterNode>& nodes, resolve::Resolver* resolver);
  virtual ~NodeSource() = default;
  NodeSource(const NodeSource&) = delete;
  NodeSource& operator=(const NodeSource&) = delete;

  std::span<const Node> nodes() const { return nodes_; }
  // By node: it may be picked.
  const std::vector<std::uint8_t>& usable() const { return usable_; }
  State state() const { return state_; }
  // Grows with every change of usable().
  std::uint64_t version() const { return version_; }
  // Refresh() and wait() do nothing.
  bool is_static() const { return is_static_; }

  // Nodes are about to be used: what is known of them is brought up to date.
  virtual void refresh() {}
  // Calls back from the ready queue when state() is not kResolving any more.
  virtual void wait(ClusterWait&) {}
  // Called when a lookup has an outcome, or patience is over; one listener, which outlives the source.
  void set_listener(base::Delegate<void()> on_change) { on_change_ = on_change; }

 protected:
  NodeSource(std::vector<Node> nodes, bool is_static);

  std::vector<Node> nodes_;
  std::vector<std::uint8_t> usable_;
  State state_ = State::kReady;
  std::uint64_t version_ = 0;
  base::Delegate<void()> on_change_;

 private:
  const bool is_static_;
};

// Nodes whose address is known, or that never have one (no resolver, or it knows too many names).
class StaticNodes final : public NodeSource {
 public:
  explicit StaticNodes(std::vector<Node> nodes);
};

// Nodes of which some are names that the resolver keeps current.
class DnsNodes final : public NodeSource {
 public:
  DnsNodes(std::vector<Node> nodes, resolve::Resolver& resolver);

  void refresh() override;
  void wait(ClusterWait& wait) override;

 private:
  // The timeout for names that do not resolve when other nodes are there.
  static constexpr std::uint64_t kPatienceMs = 500;
  static constexpr std::uint64_t kTouchEveryMs = 1000;

  void touch_names();
  void read_names();
  void on_resolved(const resolve::ResolvedHost& host);
  void apply_lookups();
  void wake_all();

  resolve::Resolver& resolver_;
  bool is_current_ = false;       // usable_ is made of
  std::uint64_t generation_ = 0;  // this state of the resolver
  std::uint64_t touched_ms_ = 0;
  std::size_t undecided_ = 0;  // nodes whose name is not looked up yet
  bool out_of_patience_ = false;
  std::vector<std::unique_ptr<resolve::HostWaiter>> name_waiters_;  // one per node that is a name
  event::Timer patience_;
  base::List<ClusterWait> waits_;
};

}  // namespace apisix::upstream
