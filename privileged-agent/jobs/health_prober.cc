#include "privileged-agent/jobs/health_prober.h"

#include "shared/base/log.h"

namespace apisix::agent {
namespace {

// How soon after its first use an upstream is checked, and a node that a worker turned is probed differently.
constexpr std::uint64_t kTickMs = 200;
// How long a checker may be wanted without an object that says how: the agent's store may lag behind.
constexpr std::uint64_t kStrangersMs = 60'000;

}  // namespace

HealthProber::HealthProber(event::Loop& loop, store::Store& store, memory::HealthTable& table,
                           resolve::Resolver& resolver, base::Random& random, Options options)
    : table_(table),
      options_(std::move(options)),
      tls_(options_.trusted_file, options_.keyring),
      probes_{.loop = loop, .tls = tls_, .kept_max = options_.kept_max},
      deps_{probes_, table, resolver, random},
      tick_(loop.timers(), [](void* self) { static_cast<HealthProber*>(self)->on_tick(); }, this) {
  table_.claim_probing(options_.agent);
  feed_.emplace(loop, store, options_.store_prefix,
                StoreFeed::Callbacks{.on_put = [this](std::string_view kind,
                                                      const store::Item& item) { return on_put(kind, item); },
                                     .on_erased = [this](const std::string& key) { on_erased(key); },
                                     .on_whole = [this] { on_whole(); }});
  tick_.set_after_ms(kTickMs);
}

HealthProber::~HealthProber() = default;

bool HealthProber::on_put(std::string_view kind, const store::Item& item) {
  if (kind == "ssls") return tls_.put(item);
  auto plan = health_plan_of(kind, item);
  if (!plan) return false;
  Planned& planned = plans_[item.key];
  planned.plan = std::move(*plan);
  if (planned.checker) {
    planned.checker->set_plan(planned.plan);
  } else {
    begin_wanted(item.key, planned);
  }
  return true;
}

void HealthProber::on_erased(const std::string& key) {
  const auto found = plans_.find(key);
  if (found == plans_.end()) return tls_.erase(key);
  plans_.erase(found);
  table_.remove_checker(table_.find_checker(key));
}

void HealthProber::begin_wanted(const std::string& key, Planned& planned) {
  const memory::HealthTable::Ref ref = table_.find_checker(key);
  if (!table_.is_wanted(ref)) return;
  planned.checker = std::make_unique<HealthChecker>(deps_, key, ref);
  planned.checker->set_plan(planned.plan);
  base::log_info("create new checker: {}", key);
}

void HealthProber::on_whole() {
  if (!is_whole_) remove_strangers();
  is_whole_ = true;
}

// Checkers of objects that are gone, or have no checks any more: they went while no agent was there.
void HealthProber::remove_strangers() {
  strangers_at_ms_ = probes_.loop.clock().monotonic_ms();
  for (const auto& [name, ref] : table_.checkers()) {
    const bool is_whole_name = name.size() < memory::HealthTable::kNameBytesMax;
    if (is_whole_name && !plans_.contains(name)) table_.remove_checker(ref);
  }
}

// Another agent has taken over: what is in the table is its business.
void HealthProber::retire() {
  feed_.reset();
  plans_.clear();
}

void HealthProber::on_tick() {
  if (!table_.is_prober(options_.agent)) return retire();
  tick_.set_after_ms(kTickMs);
  const std::uint32_t wants = table_.wants();
  for (auto& [key, planned] : plans_) {
    if (planned.checker && planned.checker->is_lost()) planned.checker.reset();
    if (planned.checker) {
      planned.checker->refresh();
    } else if (wants != seen_wants_) {
      begin_wanted(key, planned);
    }
  }
  seen_wants_ = wants;
  if (is_whole_ && probes_.loop.clock().monotonic_ms() - strangers_at_ms_ >= kStrangersMs) remove_strangers();
}

}  // namespace apisix::agent
