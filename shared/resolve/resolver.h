// Resolver: names to addresses for one worker, without ever blocking it.
//
// Order: literal address, /etc/hosts, DNS. Names in use are asked again before their TTL is over, so requests
// do not wait for DNS after the first one. When the name servers fail, the last addresses are served for a
// bounded time while it retries; a reply ends that at once. One lookup per name at a time, shared by all
// that wait. A name that is not used any more is left alone, then forgotten.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/random.h"
#include "shared/base/text.h"
#include "shared/resolve/hosts_file.h"
#include "shared/resolve/resolv_conf.h"
#include "shared/resolve/resolved_host.h"

namespace apisix::event {
class Loop;
}

namespace apisix::resolve {

struct ResolverConfig {
  std::vector<NameServer> nameservers;  // apisix.dns_resolver; empty = those of resolv.conf
  std::uint64_t valid_ms = 0;           // apisix.dns_resolver_valid; 0 = the TTL of the records
  bool enable_ipv6 = true;
  bool enable_search = true;                                   // apisix.enable_resolv_search_opt
  std::vector<DnsType> order = {DnsType::kA, DnsType::kAaaa};  // the first type that has records is used

  std::uint64_t query_timeout_ms = 2000;  // for one transmission; doubles with each
  int tries = 2;                          // transmissions per name server
  std::uint64_t ttl_min_ms = 1000;
  std::uint64_t ttl_max_ms = 86'400'000;
  std::uint64_t stale_max_ms = 3'600'000;     // how long past their TTL addresses are served
  std::uint64_t idle_after_ms = 60'000;       // not used so long (and a TTL): not refreshed
  std::uint64_t not_found_retry_ms = 5000;    // after "no such name"
  std::uint64_t failure_retry_ms = 1000;      // after a failure, doubling up to
  std::uint64_t failure_retry_max_ms = 5000;  // this
  std::uint64_t file_check_ms = 5000;         // hosts and resolv.conf: read again when changed
  std::size_t hosts_max = 10'000;             // names known at a time
  std::string hosts_path = "/etc/hosts";
  std::string resolv_conf_path = "/etc/resolv.conf";
};

// One row of the Control API's list of names. Ages and times left are in milliseconds from now.
struct HostStatus {
  std::string name;
  std::string state;   // pending, fresh, stale, expired, failed
  std::string origin;  // dns, hosts, literal
  std::vector<std::string> addresses;
  std::optional<std::uint64_t> age_ms;       // since the last valid reply
  std::optional<std::int64_t> ttl_left_ms;   // negative: past its TTL; only of origin dns
  std::optional<std::uint64_t> next_try_ms;  // none while a lookup is under way or the name is not in use
  bool is_looking_up = false;
  std::uint32_t failures = 0;  // in a row
  std::string error;
  std::uint32_t users = 0;  // clusters and others that hold the name
};

class Resolver {
 public:
  // `random` spreads refreshes; it and the loop's parts outlive the resolver.
  Resolver(event::TimerWheel& timers, event::ReadyQueue& ready, base::Random& random, ResolverConfig config,
           std::unique_ptr<DnsClient> client);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The name's entry, from now on kept and (while it is used) fresh for as long as the Ref lives. A lookup
  // starts if there is nothing yet. Names are compared without case. Null when hosts_max names are known.
  base::Ref<ResolvedHost> follow(std::string_view host);
  // Marks a use; call it at least every few seconds while the name is in use.
  void touch(ResolvedHost& host) { host.last_used_ms_ = timers_.now_ms(); }

  // What can be used right now, without waiting; null = call resolve(). Counts as a use.
  base::Ref<ResolvedHost> find_cached(std::string_view host);
  // Calls the waiter back (from the ready queue) once the host is usable or has failed; at once when it is
  // known already. False, and no call, when hosts_max names are known.
  bool resolve(std::string_view host, HostWaiter& waiter);
  void resolve(ResolvedHost& host, HostWaiter& waiter);

  // Changes of one name (kept in the table meanwhile), or of any name.
  bool subscribe(std::string_view host, HostSubscription& subscription);
  void subscribe_all(HostSubscription& subscription);

  // Changes whenever some host became usable, undecided or failed.
  std::uint64_t generation() const { return generation_; }
  event::TimerWheel& timers() { return timers_; }
  event::ReadyQueue& ready() { return ready_; }

  // Sorted by name.
  std::vector<HostStatus> status() const;

 private:
  friend class HostSubscription;
  friend class ResolvedHost;

  base::Ref<ResolvedHost> entry_of(std::string_view host);
  bool make_room();
  bool is_in_use(const ResolvedHost& host) const;
  static bool is_forgettable(const ResolvedHost& host);
  void forget(const ResolvedHost& host);
  bool resolve_without_dns(ResolvedHost& host);

  void on_timer(ResolvedHost& host);
  void try_after(ResolvedHost& host, std::uint64_t delay_ms);
  void on_overdue(ResolvedHost& host);
  void begin_lookup(ResolvedHost& host);
  void on_result(ResolvedHost& host, LookupResult result);
  void on_found(ResolvedHost& host, LookupResult result);
  void on_not_found(ResolvedHost& host, std::string error);
  void on_failed(ResolvedHost& host, std::string error);

  void set_state(ResolvedHost& host, HostState state);
  void change(ResolvedHost& host, HostState state, std::vector<base::IpAddress> addresses);
  void notify_changes();
  void notify(base::Link& subscriptions, const ResolvedHost& host, std::span<const base::IpAddress> vanished);
  void wake_waiters(ResolvedHost& host);
  void queue(HostWaiter& waiter);
  std::uint64_t jittered(std::uint64_t delay_ms, std::uint32_t from_percent, std::uint32_t to_percent);

  void check_files();
  void apply_resolv_conf();
  void apply_hosts_file();

  event::TimerWheel& timers_;
  event::ReadyQueue& ready_;
  base::Random& random_;
  const ResolverConfig config_;
  HostsFile hosts_file_;
  ResolvConfFile resolv_conf_;
  SearchRule search_;
  std::vector<DnsType> order_;
  std::unordered_map<std::string, base::Ref<ResolvedHost>, base::StringHash, std::equal_to<>> table_;
  std::uint64_t generation_ = 0;
  base::Link subscriptions_{base::Link::Head{}};
  struct Change {
    base::Ref<ResolvedHost> host;
    std::vector<base::IpAddress> vanished;
  };
  std::vector<Change> changes_;  // for callbacks from the ready queue
  event::ReadyNode changes_node_;
  base::Link* next_to_notify_ = nullptr;
  event::Timer file_timer_;
  std::unique_ptr<DnsClient> client_;  // destroyed first: no callback into members that are already destroyed
};

// With c-ares behind it. Fails when c-ares cannot be set up.
base::Result<std::unique_ptr<Resolver>> make_resolver(event::Loop& loop, base::Random& random,
                                                      ResolverConfig config);

}  // namespace apisix::resolve
