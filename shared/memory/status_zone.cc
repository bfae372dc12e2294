#include "shared/memory/status_zone.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <new>

namespace apisix::memory {
namespace {

constexpr std::uint32_t kKind = 6;
constexpr std::uint32_t kLayoutVersion = 7;

std::uint64_t wall_now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void clear(StatusSlot& slot) {
  slot.pid.store(0);
  slot.generation.store(0);
  slot.started_at_ms.store(0);
  slot.ready_at_ms.store(0);
  slot.deaths.store(0);
  slot.applied_revision.set(0);
  slot.applied_at_ms.set(0);
  slot.store_away_since_ms.set(0);
  slot.source.store(ConfigSource::kUnknown);
  slot.beats.set(0);
  for (Tally* tally : {&slot.connections.accepted, &slot.connections.handled, &slot.connections.requests,
                       &slot.connections.active, &slot.connections.reading, &slot.connections.writing,
                       &slot.handshakes.completed, &slot.handshakes.resumed, &slot.handshakes.failed}) {
    tally->set(0);
  }
  slot.held_body_bytes.set(0);
  slot.certificates_ended.set(0);
  slot.certificates_ending.set(0);
  slot.io_uring.store(IoUring::kUnknown);
  slot.io_uring_errno.store(0);
  slot.state.store(ChildState::kFree);
}

}  // namespace

std::string_view name_of(ChildRole role) {
  static constexpr std::array<std::string_view, 3> kNames = {"worker", "agent", "master"};
  return kNames[static_cast<std::size_t>(role)];
}

std::string_view name_of(ChildState state) {
  static constexpr std::array<std::string_view, 5> kNames = {"", "Starting", "Ready", "Draining", "Gone"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view name_of(ConfigSource source) {
  static constexpr std::array<std::string_view, 6> kNames = {"", "local", "etcd", "yaml", "json", "pushed"};
  return kNames[static_cast<std::size_t>(source)];
}

Totals& Totals::operator+=(const Totals& other) {
  accepted += other.accepted;
  handled += other.handled;
  requests += other.requests;
  active += other.active;
  reading += other.reading;
  writing += other.writing;
  waiting += other.waiting;
  return *this;
}

// Read one after the other: the process counts on meanwhile.
Totals totals_of(const ConnectionTallies& tallies) {
  Totals out{.accepted = tallies.accepted.get(),
             .handled = tallies.handled.get(),
             .requests = tallies.requests.get(),
             .active = tallies.active.get(),
             .reading = tallies.reading.get(),
             .writing = tallies.writing.get()};
  const std::uint64_t busy = out.reading + out.writing;
  out.waiting = out.active > busy ? out.active - busy : 0;
  return out;
}

base::Result<StatusZone> StatusZone::create() {
  auto zone = Zone::create(kName, sizeof(Layout));
  if (!zone) return std::unexpected(zone.error());
  new (zone->data()) Layout{};
  zone->seal(ZoneHeader::fingerprint(kKind, kLayoutVersion, sizeof(Layout)));
  StatusZone out(std::move(*zone));
  out.layout().master.started_at_ms.store(wall_now_ms());
  return out;
}

base::Result<StatusZone> StatusZone::open(Zone zone) {
  if (auto checked = zone.check(ZoneHeader::fingerprint(kKind, kLayoutVersion, sizeof(Layout))); !checked) {
    return std::unexpected(checked.error());
  }
  return StatusZone(std::move(zone));
}

base::Result<StatusZone> StatusZone::attach(std::int32_t master_pid) {
  auto zone = Zone::attach(master_pid, kName);
  return zone ? open(std::move(*zone)) : std::unexpected(zone.error());
}

std::uint64_t StatusZone::held_body_bytes() const {
  std::uint64_t total = 0;
  for (const StatusSlot& slot : slots()) {
    if (slot.state.load() != ChildState::kFree) total += slot.held_body_bytes.get();
  }
  return total;
}

StatusSlot* StatusZone::claim(ChildRole role, std::uint16_t index, std::uint32_t generation) {
  for (StatusSlot& slot : layout().slots) {
    // During an upgrade two masters claim.
    ChildState expected = ChildState::kFree;
    if (!slot.state.compare_exchange_strong(expected, ChildState::kStarting)) continue;
    slot.role.store(role);
    slot.index.store(index);
    slot.generation.store(generation);
    // An older binary's reclaim() does not know these: what its child said is not of this one.
    slot.io_uring.store(IoUring::kUnknown);
    slot.io_uring_errno.store(0);
    slot.started_at_ms.store(wall_now_ms());
    return &slot;
  }
  return nullptr;
}

void StatusZone::reclaim(StatusSlot& slot) {
  Layout& all = layout();
  all.begun.fetch_add(1);
  all.accepted.fetch_add(slot.connections.accepted.get());
  all.handled.fetch_add(slot.connections.handled.get());
  all.requests.fetch_add(slot.connections.requests.get());
  clear(slot);
  all.ended.fetch_add(1);
}

std::vector<StatusSlot*> StatusZone::slots_of_the_dead() const {
  std::vector<StatusSlot*> out;
  for (StatusSlot& slot : layout().slots) {
    const pid_t pid = slot.pid.load();
    if (slot.state.load() == ChildState::kFree || pid <= 0) continue;
    if (::kill(pid, 0) != 0 && errno == ESRCH) out.push_back(&slot);
  }
  return out;
}

Totals StatusZone::sum() const {
  const Layout& all = layout();
  Totals out{.accepted = all.accepted.load(), .handled = all.handled.load(), .requests = all.requests.load()};
  for (const StatusSlot& slot : all.slots) {
    if (slot.state.load() == ChildState::kFree) continue;
    out += totals_of(slot.connections);
  }
  return out;
}

Totals StatusZone::totals() const {
  // The tries are bounded: a master killed inside reclaim() leaves the marks different, with no later fix.
  Totals out;
  for (int i = 0; i < 100; ++i) {
    const std::uint32_t before = layout().ended.load();
    out = sum();
    if (layout().begun.load() == before) break;
  }
  return out;
}

}  // namespace apisix::memory
