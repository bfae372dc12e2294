#include "shared/memory/health_table.h"

#include <algorithm>
#include <array>

namespace apisix::memory {
namespace {

constexpr std::uint32_t kKind = 7;
constexpr std::uint32_t kLayoutVersion = 1;
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kBytesMin = 64 * 1024;
constexpr std::uint32_t kLifeMask = 0xff'ffff;  // of a target

std::size_t pages(std::size_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

// Of a target: its life above, then the state. An odd life is that of a place in use.
std::uint64_t pack(std::uint32_t life, const HealthState& state) {
  return std::uint64_t{life & kLifeMask} << 40 |
         std::uint64_t{static_cast<std::uint8_t>(state.status)} << 32 | std::uint64_t{state.success} << 24 |
         std::uint64_t{state.http_failure} << 16 | std::uint64_t{state.tcp_failure} << 8 |
         state.timeout_failure;
}

std::uint32_t life_of(std::uint64_t word) {
  return static_cast<std::uint32_t>(word >> 40);
}

HealthState state_of(std::uint64_t word) {
  return {.status = static_cast<HealthStatus>(word >> 32 & 3),
          .success = static_cast<std::uint8_t>(word >> 24),
          .http_failure = static_cast<std::uint8_t>(word >> 16),
          .tcp_failure = static_cast<std::uint8_t>(word >> 8),
          .timeout_failure = static_cast<std::uint8_t>(word)};
}

bool is_in_use(std::uint32_t life) {
  return life % 2 == 1;
}

}  // namespace

// `version`: its life above, then how often something changed.
struct HealthTable::Checker {
  alignas(64) std::atomic<std::uint64_t> version;
  std::atomic<bool> is_wanted;
  std::uint8_t name_bytes;
  std::uint8_t host_bytes;
  base::Hash128 key;
  char name[kNameBytesMax];
  char host[128];  // for display; a longer one is cut

  std::uint32_t life() const {
    return static_cast<std::uint32_t>(version.load(std::memory_order_acquire) >> 32);
  }
};

struct HealthTable::TargetSlot {
  std::atomic<std::uint64_t> word;
  base::Hash128 key;
  base::IpAddress ip;
  std::uint32_t checker;
  std::uint32_t place;
  std::uint16_t port;
  std::uint8_t node_bytes;
  char node[kNodeBytesMax];

  std::uint32_t life() const { return life_of(word.load(std::memory_order_acquire)); }
};

struct HealthTable::Places {
  std::atomic<std::uint32_t> used;  // that were ever used
  std::atomic<std::uint32_t> free;  // of these
  std::atomic<std::uint32_t> next;  // where to look for a free one

  template <typename IsFree>
  std::uint32_t take(std::uint64_t max, IsFree&& is_free);
};

struct HealthTable::Layout {
  ZoneHeader zone;
  std::uint64_t checkers_max, targets_max;
  std::uint64_t checkers_at, targets_at, checker_index_at, target_index_at;
  base::SipKey key;
  Places checkers;
  Places targets;
  std::atomic<std::uint32_t> checker_tombstones;
  std::atomic<std::uint32_t> target_tombstones;
  std::atomic<std::uint32_t> wants;
  std::atomic<std::uint64_t> prober;
  RobustLock directory;
};

base::Result<HealthTable> HealthTable::create(const std::string& name, std::size_t bytes) {
  bytes = std::max(bytes, kBytesMin);
  const std::uint64_t checkers_max = bytes * 2 / 5 / (sizeof(Checker) + 2 * sizeof(std::uint32_t));
  const std::uint64_t targets_max = bytes * 3 / 5 / (sizeof(TargetSlot) + 2 * sizeof(std::uint32_t));
  const std::size_t checkers_at = pages(sizeof(Layout));
  const std::size_t targets_at = checkers_at + pages(checkers_max * sizeof(Checker));
  const std::size_t checker_index_at = targets_at + pages(targets_max * sizeof(TargetSlot));
  const std::size_t target_index_at =
      checker_index_at + pages(SharedIndex::words_for(checkers_max) * sizeof(std::uint32_t));
  const std::size_t end =
      target_index_at + pages(SharedIndex::words_for(targets_max) * sizeof(std::uint32_t));
  auto made = Zone::create(name, end);
  if (!made) return std::unexpected(made.error());
  HealthTable table(std::move(*made));
  Layout& layout = table.layout();
  layout.checkers_max = checkers_max;
  layout.targets_max = targets_max;
  layout.checkers_at = checkers_at;
  layout.targets_at = targets_at;
  layout.checker_index_at = checker_index_at;
  layout.target_index_at = target_index_at;
  layout.key = base::SipKey::random();
  layout.directory.init();
  table.zone_.seal(
      ZoneHeader::fingerprint(kKind, kLayoutVersion, sizeof(Checker) << 16 | sizeof(TargetSlot)));
  return table;
}

base::Result<HealthTable> HealthTable::open(Zone zone) {
  const auto wanted =
      ZoneHeader::fingerprint(kKind, kLayoutVersion, sizeof(Checker) << 16 | sizeof(TargetSlot));
  if (auto checked = zone.check(wanted); !checked) return std::unexpected(checked.error());
  return HealthTable(std::move(zone));
}

base::Result<HealthTable> HealthTable::attach(std::int32_t master_pid) {
  auto zone = Zone::attach(master_pid, kZone);
  return zone ? open(std::move(*zone)) : std::unexpected(zone.error());
}

HealthTable::Checker& HealthTable::checker(std::uint32_t id) const {
  return reinterpret_cast<Checker*>(zone_.at(layout().checkers_at))[id];
}

HealthTable::TargetSlot& HealthTable::target(std::uint32_t id) const {
  return reinterpret_cast<TargetSlot*>(zone_.at(layout().targets_at))[id];
}

SharedIndex HealthTable::checker_index() const {
  return {reinterpret_cast<std::atomic<std::uint32_t>*>(zone_.at(layout().checker_index_at)),
          SharedIndex::words_for(layout().checkers_max), layout().checker_tombstones};
}

SharedIndex HealthTable::target_index() const {
  return {reinterpret_cast<std::atomic<std::uint32_t>*>(zone_.at(layout().target_index_at)),
          SharedIndex::words_for(layout().targets_max), layout().target_tombstones};
}

base::Hash128 HealthTable::checker_key(std::string_view name) const {
  return base::sip_hash_13(name, layout().key);
}

base::Hash128 HealthTable::target_key(const Checker& checker, const TargetId& id) const {
  std::string text(reinterpret_cast<const char*>(&checker.key), sizeof checker.key);
  text.append(reinterpret_cast<const char*>(id.ip.bytes().data()), id.ip.bytes().size());
  text.append(reinterpret_cast<const char*>(&id.port), sizeof id.port).append(id.node);
  return base::sip_hash_13(text, layout().key);
}

// --- the directory

// The places are right whatever an owner was doing when it died; the indexes follow from them.
void HealthTable::lock_directory() {
  layout().directory.lock(0, [this](std::uint64_t) {
    rebuild_checker_index();
    rebuild_target_index();
  });
}

void HealthTable::rebuild_checker_index() {
  checker_index().clear();
  std::uint32_t free = 0;
  for (std::uint32_t id = 0; id < layout().checkers.used.load(); ++id) {
    if (is_in_use(checker(id).life())) {
      checker_index().put(id, checker(id).key.low);
    } else {
      ++free;
    }
  }
  layout().checkers.free.store(free);
}

void HealthTable::rebuild_target_index() {
  target_index().clear();
  std::uint32_t free = 0;
  for (std::uint32_t id = 0; id < layout().targets.used.load(); ++id) {
    if (is_in_use(target(id).life())) {
      target_index().put(id, target(id).key.low);
    } else {
      ++free;
    }
  }
  layout().targets.free.store(free);
}

HealthTable::Ref HealthTable::find_checker_locked(const base::Hash128& key) const {
  const auto found = checker_index().find(key.low, [&](std::uint32_t id) { return checker(id).key == key; });
  if (!found) return {};
  return {*found, checker(*found).life()};
}

HealthTable::Ref HealthTable::find_target_locked(const base::Hash128& key) const {
  const auto found = target_index().find(key.low, [&](std::uint32_t id) { return target(id).key == key; });
  if (!found) return {};
  return {*found, target(*found).life()};
}

// A free place. Counted as used before it is: who dies in between has wasted none that a rebuild does not
// find.
template <typename IsFree>
std::uint32_t HealthTable::Places::take(std::uint64_t max, IsFree&& is_free) {
  const std::uint32_t count = used.load();
  for (std::uint32_t looks = 0; free.load() > 0 && looks < count; ++looks) {
    const std::uint32_t id = next.load() % count;
    next.store(id + 1);
    if (!is_free(id)) continue;
    free.fetch_sub(1);
    return id;
  }
  return count >= max ? kNone : used.fetch_add(1);
}

HealthTable::Ref HealthTable::add_checker_locked(std::string_view name, const base::Hash128& key) {
  Layout& all = layout();
  const std::uint32_t id = all.checkers.take(
      all.checkers_max, [this](std::uint32_t at) { return !is_in_use(checker(at).life()); });
  if (id == kNone) return {};
  Checker& place = checker(id);
  place.key = key;
  place.name_bytes = static_cast<std::uint8_t>(name.copy(place.name, sizeof place.name));
  place.host_bytes = 0;
  place.is_wanted.store(false);
  const std::uint32_t life = place.life() + 1;
  place.version.store(std::uint64_t{life} << 32 | 1, std::memory_order_release);
  checker_index().put(id, key.low);
  return {id, life};
}

HealthTable::Ref HealthTable::want(std::string_view name) {
  const base::Hash128 key = checker_key(name);
  lock_directory();
  const LockHolder holder(layout().directory);
  Ref ref = find_checker_locked(key);
  if (!ref) ref = add_checker_locked(name, key);
  if (ref && !checker(ref.id).is_wanted.exchange(true)) layout().wants.fetch_add(1);
  return ref;
}

HealthTable::Ref HealthTable::find_checker(std::string_view name) {
  lock_directory();
  const LockHolder holder(layout().directory);
  return find_checker_locked(checker_key(name));
}

bool HealthTable::is_wanted(const Ref& ref) const {
  return ref && checker(ref.id).life() == ref.life && checker(ref.id).is_wanted.load();
}

std::uint64_t HealthTable::version(const Ref& ref) const {
  if (!ref) return 0;
  const std::uint64_t version = checker(ref.id).version.load(std::memory_order_acquire);
  return version >> 32 == ref.life ? version : 0;
}

std::uint32_t HealthTable::wants() const {
  return layout().wants.load(std::memory_order_relaxed);
}

void HealthTable::bump(const Ref& ref) {
  if (version(ref) != 0) checker(ref.id).version.fetch_add(1, std::memory_order_release);
}

void HealthTable::describe(const Ref& ref, std::string_view host) {
  lock_directory();
  const LockHolder holder(layout().directory);
  if (version(ref) == 0) return;
  Checker& place = checker(ref.id);
  place.host_bytes = static_cast<std::uint8_t>(host.copy(place.host, sizeof place.host));
}

void HealthTable::remove_checker(const Ref& ref) {
  lock_directory();
  const LockHolder holder(layout().directory);
  if (version(ref) == 0) return;
  for (std::uint32_t id = 0; id < layout().targets.used.load(); ++id) {
    if (is_in_use(target(id).life()) && target(id).checker == ref.id) free_target_locked(id);
  }
  checker_index().remove(ref.id, checker(ref.id).key.low);
  checker(ref.id).version.store(std::uint64_t{ref.life + 1} << 32, std::memory_order_release);
  layout().checkers.free.fetch_add(1);
  if (checker_index().is_worn()) rebuild_checker_index();
}

std::vector<std::pair<std::string, HealthTable::Ref>> HealthTable::checkers() const {
  std::vector<std::pair<std::string, Ref>> out;
  for (std::uint32_t id = 0; id < layout().checkers.used.load(); ++id) {
    const std::uint32_t life = checker(id).life();
    if (is_in_use(life))
      out.emplace_back(std::string(checker(id).name, checker(id).name_bytes), Ref{id, life});
  }
  return out;
}

// --- targets

HealthTable::Ref HealthTable::find_target(const Ref& ref, const TargetId& id) {
  if (version(ref) == 0) return {};
  const base::Hash128 key = target_key(checker(ref.id), id);
  lock_directory();
  const LockHolder holder(layout().directory);
  return find_target_locked(key);
}

HealthTable::Ref HealthTable::add_target(const Ref& ref, const TargetId& id, std::uint32_t place) {
  if (version(ref) == 0) return {};
  const base::Hash128 key = target_key(checker(ref.id), id);
  lock_directory();
  const LockHolder holder(layout().directory);
  Layout& all = layout();
  if (const Ref known = find_target_locked(key)) {
    target(known.id).place = place;
    return known;
  }
  const std::uint32_t at = all.targets.take(
      all.targets_max, [this](std::uint32_t free) { return !is_in_use(target(free).life()); });
  if (at == kNone) return {};
  TargetSlot& slot = target(at);
  slot.key = key;
  slot.ip = id.ip;
  slot.port = id.port;
  slot.checker = ref.id;
  slot.place = place;
  slot.node_bytes = static_cast<std::uint8_t>(id.node.copy(slot.node, sizeof slot.node));
  const std::uint32_t life = (slot.life() + 1) & kLifeMask;
  slot.word.store(pack(life, {}), std::memory_order_release);
  target_index().put(at, key.low);
  checker(ref.id).version.fetch_add(1, std::memory_order_release);
  return {at, life};
}

void HealthTable::free_target_locked(std::uint32_t id) {
  TargetSlot& slot = target(id);
  target_index().remove(id, slot.key.low);
  slot.word.store(pack((slot.life() + 1) & kLifeMask, {}), std::memory_order_release);
  layout().targets.free.fetch_add(1);
}

void HealthTable::remove_target(const Ref& ref, const Ref& at) {
  lock_directory();
  const LockHolder holder(layout().directory);
  if (!at || target(at.id).life() != at.life) return;
  free_target_locked(at.id);
  bump(ref);
  if (target_index().is_worn()) rebuild_target_index();
}

std::optional<HealthState> HealthTable::state(const Ref& at) const {
  if (!at) return std::nullopt;
  const std::uint64_t word = target(at.id).word.load(std::memory_order_acquire);
  if (life_of(word) != at.life) return std::nullopt;
  return state_of(word);
}

HealthTable::Report HealthTable::report(const Ref& ref, const Ref& at, HealthEvent event,
                                        std::uint8_t limit) {
  if (!at) return {};
  std::atomic<std::uint64_t>& cell = target(at.id).word;
  std::uint64_t word = cell.load(std::memory_order_acquire);
  for (;;) {
    if (life_of(word) != at.life) return {};
    const HealthState before = state_of(word);
    const HealthState after = after_event(before, event, limit);
    if (after == before) return {before, after, false};
    if (!cell.compare_exchange_weak(word, pack(at.life, after), std::memory_order_acq_rel)) continue;
    const Report report{before, after, true};
    if (report.turned()) bump(ref);
    return report;
  }
}

std::vector<HealthTable::Target> HealthTable::targets(const Ref& ref) const {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> found;  // place, id
  if (version(ref) == 0) return {};
  for (std::uint32_t id = 0; id < layout().targets.used.load(); ++id) {
    if (is_in_use(target(id).life()) && target(id).checker == ref.id)
      found.emplace_back(target(id).place, id);
  }
  std::ranges::sort(found);
  std::vector<Target> out;
  for (const auto& [place, id] : found) out.push_back(read_target(checker(ref.id), id));
  return out;
}

std::vector<std::pair<std::string, HealthTable::Target>> HealthTable::all_targets() const {
  std::vector<std::array<std::uint32_t, 3>> found;  // checker, place, id
  for (std::uint32_t id = 0; id < layout().targets.used.load(); ++id) {
    if (is_in_use(target(id).life())) found.push_back({target(id).checker, target(id).place, id});
  }
  std::ranges::sort(found);
  std::vector<std::pair<std::string, Target>> out;
  out.reserve(found.size());
  for (const auto& [owner, place, id] : found) {
    const Checker& of = checker(owner);
    if (is_in_use(of.life())) out.emplace_back(std::string(of.name, of.name_bytes), read_target(of, id));
  }
  return out;
}

HealthTable::Target HealthTable::read_target(const Checker& owner, std::uint32_t id) const {
  const TargetSlot& slot = target(id);
  const std::uint64_t word = slot.word.load(std::memory_order_acquire);
  Target out{.ip = slot.ip,
             .port = slot.port,
             .node = std::string(slot.node, slot.node_bytes),
             .hostname = std::string(owner.host, owner.host_bytes),
             .state = state_of(word),
             .ref = {id, life_of(word)}};
  if (out.hostname.empty()) out.hostname = out.node.empty() ? out.ip.to_string() : out.node;
  return out;
}

void HealthTable::claim_probing(std::uint64_t agent) {
  layout().prober.store(agent);
}

bool HealthTable::is_prober(std::uint64_t agent) const {
  return layout().prober.load(std::memory_order_relaxed) == agent;
}

HealthTable::Stats HealthTable::stats() const {
  const Layout& all = layout();
  return {.checkers = all.checkers.used.load() - all.checkers.free.load(),
          .targets = all.targets.used.load() - all.targets.free.load(),
          .targets_max = all.targets_max};
}

}  // namespace apisix::memory
