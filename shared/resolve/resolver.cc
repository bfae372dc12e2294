#include "shared/resolve/resolver.h"

#include <algorithm>

#include "shared/base/check.h"
#include "shared/base/log.h"
#include "shared/event/loop.h"
#include "shared/resolve/ares_client.h"

namespace apisix::resolve {
namespace {

// What can be asked of DNS at all (RFC 1035 2.3.4); underscores and the like are not our business.
bool is_host_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return false;
  for (const auto label : base::split(name, '.')) {
    if (label.empty() || label.size() > 63) return false;
  }
  return std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
}

std::string_view text_of(HostState state) {
  switch (state) {
    case HostState::kPending:
      return "pending";
    case HostState::kFresh:
      return "fresh";
    case HostState::kStale:
      return "stale";
    case HostState::kExpired:
      return "expired";
    case HostState::kFailed:
      return "failed";
  }
  return "";
}

std::string_view text_of(HostOrigin origin) {
  switch (origin) {
    case HostOrigin::kDns:
      return "dns";
    case HostOrigin::kHostsFile:
      return "hosts";
    case HostOrigin::kLiteral:
      return "literal";
  }
  return "";
}

}  // namespace

HostWaiter::~HostWaiter() = default;

HostSubscription::~HostSubscription() {
  if (resolver_ != nullptr && resolver_->next_to_notify_ == this) resolver_->next_to_notify_ = next();
}

ResolvedHost::ResolvedHost(Resolver& resolver, std::string name)
    : resolver_(&resolver),
      name_(std::move(name)),
      timer_(
          resolver.timers_,
          [](void* self) {
            auto* host = static_cast<ResolvedHost*>(self);
            host->resolver_->on_timer(*host);
          },
          this) {}

ResolvedHost::~ResolvedHost() = default;

Resolver::Resolver(event::TimerWheel& timers, event::ReadyQueue& ready, base::Random& random,
                   ResolverConfig config, std::unique_ptr<DnsClient> client)
    : timers_(timers),
      ready_(ready),
      random_(random),
      config_(std::move(config)),
      hosts_file_(config_.hosts_path),
      resolv_conf_(config_.resolv_conf_path),
      file_timer_(
          timers, [](void* self) { static_cast<Resolver*>(self)->check_files(); }, this),
      client_(std::move(client)) {
  for (const DnsType type : config_.order) {
    if (type == DnsType::kA || (type == DnsType::kAaaa && config_.enable_ipv6)) order_.push_back(type);
  }
  client_->set_servers(config_.nameservers.empty() ? resolv_conf_.conf().nameservers : config_.nameservers);
  if (config_.enable_search) search_ = {resolv_conf_.conf().search, resolv_conf_.conf().ndots};
  file_timer_.set_after_ms(config_.file_check_ms);
}

Resolver::~Resolver() {
  const auto leave = [](base::Link& subscriptions) {
    for (base::Link* at = subscriptions.next(); at != &subscriptions; at = at->next()) {
      static_cast<HostSubscription*>(at)->resolver_ = nullptr;
    }
  };
  leave(subscriptions_);
  for (auto& [name, host] : table_) {
    leave(host->subscriptions_);
    host->lookup_.reset();
    host->timer_.cancel();
    host->resolver_ = nullptr;
  }
}

base::Ref<ResolvedHost> Resolver::entry_of(std::string_view host) {
  if (const auto found = table_.find(host); found != table_.end()) return found->second;
  std::string name = base::to_lower(host);
  if (const auto found = table_.find(name); found != table_.end()) return found->second;
  if (table_.size() >= config_.hosts_max && !make_room()) return nullptr;
  auto entry = base::make_counted<ResolvedHost>(*this, name);
  entry->last_used_ms_ = timers_.now_ms();
  if (resolve_without_dns(*entry)) {
    entry->timer_.set_after_ms(config_.idle_after_ms);
  }
  table_.emplace(std::move(name), entry);
  return entry;
}

bool Resolver::make_room() {
  const std::size_t before = table_.size();
  std::erase_if(table_, [](const auto& row) { return is_forgettable(*row.second); });
  if (table_.size() == before) base::log_error("resolver: {} names are in use, no room for another", before);
  return table_.size() < before;
}

bool Resolver::is_in_use(const ResolvedHost& host) const {
  return timers_.now_ms() - host.last_used_ms_ <= std::max(config_.idle_after_ms, host.ttl_ms_);
}

bool Resolver::is_forgettable(const ResolvedHost& host) {
  return host.references() == 1 && !host.waiters_.is_linked() && !host.subscriptions_.is_linked();
}

void Resolver::forget(const ResolvedHost& host) {
  table_.erase(table_.find(host.name_));
}

// True when the name needs no DNS: an address, a line of the hosts file, or nothing that could be a name.
bool Resolver::resolve_without_dns(ResolvedHost& host) {
  if (const auto address = base::IpAddress::parse(host.name_)) {
    host.origin_ = HostOrigin::kLiteral;
    change(host, HostState::kFresh, {*address});
    return true;
  }
  if (auto addresses = hosts_file_.find(host.name_, config_.enable_ipv6); !addresses.empty()) {
    host.origin_ = HostOrigin::kHostsFile;
    host.refreshed_ms_ = timers_.now_ms();
    host.failures_ = 0;
    host.error_.clear();
    change(host, HostState::kFresh, std::move(addresses));
    return true;
  }
  if (is_host_name(host.name_)) return false;
  host.origin_ = HostOrigin::kLiteral;
  host.error_ = "not a host name";
  set_state(host, HostState::kFailed);
  return true;
}

base::Ref<ResolvedHost> Resolver::follow(std::string_view host) {
  auto entry = entry_of(host);
  if (!entry) return entry;
  touch(*entry);
  if (entry->is_undecided() && entry->lookup_ == nullptr) begin_lookup(*entry);
  return entry;
}

base::Ref<ResolvedHost> Resolver::find_cached(std::string_view host) {
  auto entry = follow(host);
  return entry && entry->is_usable() ? entry : nullptr;
}

bool Resolver::resolve(std::string_view host, HostWaiter& waiter) {
  const auto entry = entry_of(host);
  if (entry) resolve(*entry, waiter);
  return static_cast<bool>(entry);
}

void Resolver::resolve(ResolvedHost& host, HostWaiter& waiter) {
  touch(host);
  waiter.host_ = base::Ref<ResolvedHost>(&host);
  if (!host.is_undecided()) return queue(waiter);
  host.waiters_.append(waiter);
  if (host.lookup_ == nullptr) begin_lookup(host);
}

bool Resolver::subscribe(std::string_view host, HostSubscription& subscription) {
  auto entry = follow(host);
  if (!entry) return false;
  entry->subscriptions_.append(subscription);
  subscription.resolver_ = this;
  subscription.host_ = std::move(entry);
  return true;
}

void Resolver::subscribe_all(HostSubscription& subscription) {
  subscriptions_.append(subscription);
  subscription.resolver_ = this;
}

void Resolver::wake_waiters(ResolvedHost& host) {
  while (host.waiters_.is_linked()) {
    auto& waiter = static_cast<HostWaiter&>(*host.waiters_.next());
    waiter.unlink();
    queue(waiter);
  }
}

void Resolver::queue(HostWaiter& waiter) {
  ready_.push(
      waiter.ready_,
      [](void* context) {
        auto* self = static_cast<HostWaiter*>(context);
        const auto host = std::move(self->host_);
        self->callback_(*host);
      },
      &waiter);
}

// Subscribers may call the resolver: they run from the ready queue, so that no callback runs inside another.
void Resolver::notify_changes() {
  while (!changes_.empty()) {
    std::vector<Change> changes;
    changes.swap(changes_);
    for (const auto& change : changes) {
      notify(change.host->subscriptions_, *change.host, change.vanished);
      notify(subscriptions_, *change.host, change.vanished);
    }
  }
}

void Resolver::notify(base::Link& subscriptions, const ResolvedHost& host,
                      std::span<const base::IpAddress> vanished) {
  for (base::Link* at = subscriptions.next(); at != &subscriptions; at = next_to_notify_) {
    next_to_notify_ = at->next();
    auto& subscription = static_cast<HostSubscription&>(*at);
    subscription.callback_(host, vanished);
  }
  next_to_notify_ = nullptr;
}

std::vector<HostStatus> Resolver::status() const {
  const std::uint64_t now = timers_.now_ms();
  std::vector<HostStatus> rows;
  for (const auto& [name, host] : table_) {
    HostStatus row;
    row.name = name;
    row.state = text_of(host->state_);
    row.origin = text_of(host->origin_);
    for (const auto& address : host->addresses_) row.addresses.push_back(address.to_string());
    if (host->refreshed_ms_ != 0) row.age_ms = now - host->refreshed_ms_;
    if (host->origin_ == HostOrigin::kDns) {
      if (host->refreshed_ms_ != 0) {
        row.ttl_left_ms = static_cast<std::int64_t>(host->expires_ms_) - static_cast<std::int64_t>(now);
      }
      if (host->next_try_ms_ != 0 && is_in_use(*host)) {
        row.next_try_ms = std::max(host->next_try_ms_, now) - now;
      }
    }
    row.is_looking_up = host->lookup_ != nullptr;
    row.failures = host->failures_;
    row.error = host->error_;
    row.users = host->references() - 1;
    rows.push_back(std::move(row));
  }
  std::ranges::sort(rows, {}, &HostStatus::name);
  return rows;
}

base::Result<std::unique_ptr<Resolver>> make_resolver(event::Loop& loop, base::Random& random,
                                                      ResolverConfig config) {
  auto client = make_ares_client(loop, {.timeout_ms = config.query_timeout_ms, .tries = config.tries});
  if (!client) return std::unexpected(client.error());
  return std::make_unique<Resolver>(loop.timers(), loop.ready(), random, std::move(config),
                                    std::move(*client));
}

}  // namespace apisix::resolve
