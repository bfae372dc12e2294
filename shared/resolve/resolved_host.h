// ResolvedHost: what the Resolver knows about one name. Shared by the resolver's table and by the clusters
// that follow the name; only the Resolver changes it.
//
//   kPending --reply---> kFresh --ttl over, refresh failing or late--> kStale --reply---> kFresh
//      |                   |                                              |
//      +--no such name-----+----------------------------------------------+--> kFailed --reply---> kFresh
//   Not used for a while: kFresh and the others become kExpired; the next use waits as for kPending.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/counted.h"
#include "shared/base/delegate.h"
#include "shared/base/ip.h"
#include "shared/base/link.h"
#include "shared/event/ready_queue.h"
#include "shared/event/timer_wheel.h"
#include "shared/resolve/lookup.h"

namespace apisix::resolve {

class ResolvedHost;
class Resolver;

enum class HostState : unsigned char { kPending, kFresh, kStale, kExpired, kFailed };
enum class HostOrigin : unsigned char { kDns, kHostsFile, kLiteral };

// The callback for an outcome; a member of its owner. Destroying it cancels the callback.
class HostWaiter : private base::Link {
 public:
  // Runs from the loop's ready queue, never inside resolve(). `host` is usable or failed.
  using Callback = base::Delegate<void(const ResolvedHost& host)>;

  explicit HostWaiter(Callback callback) : callback_(callback) {}
  ~HostWaiter();
  HostWaiter(const HostWaiter&) = delete;
  HostWaiter& operator=(const HostWaiter&) = delete;

  bool is_waiting() const { return is_linked() || ready_.is_queued(); }

 private:
  friend class Resolver;
  Callback callback_;
  base::Ref<ResolvedHost> host_;
  event::ReadyNode ready_;
};

// Someone who wants to know when the addresses of a name change, until it is destroyed.
class HostSubscription : private base::Link {
 public:
  // `vanished` were addresses of the host and are not any more. Must not destroy the Resolver.
  using Callback = base::Delegate<void(const ResolvedHost& host, std::span<const base::IpAddress> vanished)>;

  explicit HostSubscription(Callback callback) : callback_(callback) {}
  ~HostSubscription();
  HostSubscription(const HostSubscription&) = delete;
  HostSubscription& operator=(const HostSubscription&) = delete;

 private:
  friend class Resolver;
  Callback callback_;
  Resolver* resolver_ = nullptr;
  base::Ref<ResolvedHost> host_;  // none: all names
};

class ResolvedHost : public base::Counted<ResolvedHost> {
 public:
  ResolvedHost(Resolver& resolver, std::string name);
  ~ResolvedHost();

  const std::string& name() const { return name_; }
  HostState state() const { return state_; }
  HostOrigin origin() const { return origin_; }
  // Has addresses that may be connected to now.
  bool is_usable() const { return state_ == HostState::kFresh || state_ == HostState::kStale; }
  // No result yet: a use has to wait for the lookup.
  bool is_undecided() const { return state_ == HostState::kPending || state_ == HostState::kExpired; }
  // Sorted, without duplicates; not empty while is_usable().
  std::span<const base::IpAddress> addresses() const { return addresses_; }
  // Why there are none, or why they are stale. Empty = the last lookup went well.
  const std::string& error() const { return error_; }

 private:
  friend class Resolver;

  void on_result(LookupResult result);

  Resolver* resolver_;  // null once the resolver is gone
  const std::string name_;
  HostState state_ = HostState::kPending;
  HostOrigin origin_ = HostOrigin::kDns;
  std::uint32_t failures_ = 0;  // in a row
  std::vector<base::IpAddress> addresses_;
  std::string error_;
  // All on the loop's monotonic clock.
  std::uint64_t refreshed_ms_ = 0;
  std::uint64_t ttl_ms_ = 0;
  std::uint64_t expires_ms_ = 0;
  std::uint64_t stale_until_ms_ = 0;
  std::uint64_t last_used_ms_ = 0;
  std::uint64_t next_try_ms_ = 0;  // 0: none is planned
  std::size_t good_step_ = 0;      // the one that replied the last time
  std::unique_ptr<Lookup> lookup_;
  event::Timer timer_;
  base::Link waiters_{base::Link::Head{}};
  base::Link subscriptions_{base::Link::Head{}};
};

}  // namespace apisix::resolve
