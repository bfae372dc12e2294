// The life of one name: when it is refreshed or retried and what a result makes of it (the picture in
// resolved_host.h).
#include <algorithm>

#include "shared/base/log.h"
#include "shared/resolve/resolver.h"

namespace apisix::resolve {
namespace {

// 0 = usable, 1 = undecided, 2 = failed: what decides where requests go.
int standing(HostState state) {
  switch (state) {
    case HostState::kFresh:
    case HostState::kStale:
      return 0;
    case HostState::kPending:
    case HostState::kExpired:
      return 1;
    case HostState::kFailed:
      return 2;
  }
  return 2;
}

std::uint64_t left(std::uint64_t until_ms, std::uint64_t now_ms) {
  return until_ms > now_ms ? until_ms - now_ms : 0;
}

}  // namespace

void Resolver::set_state(ResolvedHost& host, HostState state) {
  if (standing(host.state_) != standing(state)) ++generation_;
  host.state_ = state;
}

void Resolver::change(ResolvedHost& host, HostState state, std::vector<base::IpAddress> addresses) {
  set_state(host, state);
  if (host.addresses_ == addresses) return;
  Change change{base::Ref<ResolvedHost>(&host), {}};
  std::ranges::set_difference(host.addresses_, addresses, std::back_inserter(change.vanished),
                              std::ranges::less{}, &base::IpAddress::bytes, &base::IpAddress::bytes);
  host.addresses_ = std::move(addresses);
  changes_.push_back(std::move(change));
  ready_.push(changes_node_, [](void* self) { static_cast<Resolver*>(self)->notify_changes(); }, this);
}

std::uint64_t Resolver::jittered(std::uint64_t delay_ms, std::uint32_t from_percent,
                                 std::uint32_t to_percent) {
  return delay_ms * (from_percent + random_.below(to_percent - from_percent + 1)) / 100;
}

void Resolver::try_after(ResolvedHost& host, std::uint64_t delay_ms) {
  host.next_try_ms_ = timers_.now_ms() + delay_ms;
  host.timer_.set_after_ms(delay_ms);
}

void Resolver::on_timer(ResolvedHost& host) {
  const std::uint64_t now = timers_.now_ms();
  if (host.lookup_ != nullptr) return on_overdue(host);
  if (is_in_use(host)) {
    if (host.origin_ == HostOrigin::kDns) return begin_lookup(host);
    return host.timer_.set_after_ms(config_.idle_after_ms);
  }
  if (host.state_ == HostState::kFresh && host.origin_ == HostOrigin::kDns && now < host.expires_ms_) {
    return host.timer_.set_after_ms(left(host.expires_ms_, now));
  }
  if (is_forgettable(host)) return forget(host);
  if (host.origin_ == HostOrigin::kDns) set_state(host, HostState::kExpired);
  host.timer_.set_after_ms(config_.idle_after_ms);
}

// The lookup that should have refreshed the addresses is not back yet.
void Resolver::on_overdue(ResolvedHost& host) {
  const std::uint64_t now = timers_.now_ms();
  if (now < host.stale_until_ms_) {
    set_state(host, HostState::kStale);
    return host.timer_.set_after_ms(left(host.stale_until_ms_, now));
  }
  host.error_ = "no answer for too long";
  change(host, HostState::kFailed, {});
}

void Resolver::begin_lookup(ResolvedHost& host) {
  const std::uint64_t now = timers_.now_ms();
  host.timer_.cancel();
  host.next_try_ms_ = 0;
  if (host.state_ == HostState::kFresh && now >= host.expires_ms_) set_state(host, HostState::kStale);
  if (host.state_ == HostState::kFresh) host.timer_.set_after_ms(left(host.expires_ms_, now));
  if (host.state_ == HostState::kStale) host.timer_.set_after_ms(left(host.stale_until_ms_, now));
  host.lookup_ = std::make_unique<Lookup>(*client_, plan_lookup(host.name_, search_, order_), host.good_step_,
                                          Lookup::Done::of<&ResolvedHost::on_result>(host));
  host.lookup_->start();
}

void ResolvedHost::on_result(LookupResult result) {
  resolver_->on_result(*this, std::move(result));
}

void Resolver::on_result(ResolvedHost& host, LookupResult result) {
  const auto finished = std::move(host.lookup_);  // is on the stack below us
  host.timer_.cancel();
  switch (result.kind) {
    case LookupResult::Kind::kFound:
      on_found(host, std::move(result));
      break;
    case LookupResult::Kind::kNotFound:
      on_not_found(host, std::move(result.error));
      break;
    case LookupResult::Kind::kFailed:
      on_failed(host, std::move(result.error));
      break;
  }
  wake_waiters(host);
}

void Resolver::on_found(ResolvedHost& host, LookupResult result) {
  if (host.failures_ != 0) base::log_notice("resolver: {} is resolved again", host.name_);
  host.failures_ = 0;
  host.error_.clear();
  host.good_step_ = result.step;
  host.refreshed_ms_ = timers_.now_ms();
  host.ttl_ms_ = config_.valid_ms != 0 ? config_.valid_ms
                                       : std::clamp(std::uint64_t{result.ttl_seconds} * 1000,
                                                    config_.ttl_min_ms, config_.ttl_max_ms);
  host.expires_ms_ = host.refreshed_ms_ + host.ttl_ms_;
  host.stale_until_ms_ = host.expires_ms_ + config_.stale_max_ms;
  try_after(host, jittered(host.ttl_ms_, 80, 95));
  change(host, HostState::kFresh, std::move(result.addresses));
}

// A valid reply (RFC 8767 4): addresses are not served past it.
void Resolver::on_not_found(ResolvedHost& host, std::string error) {
  if (host.failures_++ == 0) base::log_error("resolver: {}: {}", host.name_, error);
  host.error_ = std::move(error);
  try_after(host, jittered(config_.not_found_retry_ms, 80, 120));
  change(host, HostState::kFailed, {});
}

void Resolver::on_failed(ResolvedHost& host, std::string error) {
  const std::uint64_t now = timers_.now_ms();
  const bool serve_stale = !host.addresses_.empty() && now < host.stale_until_ms_;
  if (host.failures_ == 0) {
    base::log_error("resolver: {}: {}{}", host.name_, error, serve_stale ? ", the last addresses stay" : "");
  }
  const std::uint64_t delay = config_.failure_retry_ms << std::min(host.failures_, 16u);
  ++host.failures_;
  host.error_ = std::move(error);
  try_after(host, jittered(std::min(delay, config_.failure_retry_max_ms), 80, 120));
  if (serve_stale) return set_state(host, HostState::kStale);
  change(host, HostState::kFailed, {});
}

void Resolver::check_files() {
  file_timer_.set_after_ms(config_.file_check_ms);
  if (resolv_conf_.reload()) apply_resolv_conf();
  if (hosts_file_.reload()) apply_hosts_file();
}

void Resolver::apply_resolv_conf() {
  base::log_notice("resolver: read {} again", config_.resolv_conf_path);
  if (config_.enable_search) search_ = {resolv_conf_.conf().search, resolv_conf_.conf().ndots};
  if (config_.nameservers.empty()) client_->set_servers(resolv_conf_.conf().nameservers);
  for (auto& [name, host] : table_) {
    host->good_step_ = 0;
    const bool troubled = host->state_ == HostState::kStale || host->state_ == HostState::kFailed;
    if (troubled && host->origin_ == HostOrigin::kDns && host->lookup_ == nullptr) begin_lookup(*host);
  }
}

void Resolver::apply_hosts_file() {
  base::log_notice("resolver: read {} again", config_.hosts_path);
  const std::uint64_t now = timers_.now_ms();
  for (auto& [name, host] : table_) {
    if (host->origin_ == HostOrigin::kLiteral) continue;
    const bool was_in_file = host->origin_ == HostOrigin::kHostsFile;
    if (resolve_without_dns(*host)) {
      host->lookup_.reset();
      host->timer_.set_after_ms(config_.idle_after_ms);
      wake_waiters(*host);
    } else if (was_in_file) {
      // The address of the file stays until DNS has replied.
      host->origin_ = HostOrigin::kDns;
      host->expires_ms_ = now;
      host->stale_until_ms_ = now + config_.stale_max_ms;
      begin_lookup(*host);
    }
  }
}

}  // namespace apisix::resolve
