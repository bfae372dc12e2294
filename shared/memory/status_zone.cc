#include "shared/memory/status_zone.h"

#include <chrono>
#include <new>

namespace apisix::memory {
namespace {

constexpr std::uint32_t kKind = 6;
constexpr std::uint32_t kLayoutVersion = 1;

std::uint64_t wall_now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void clear(StatusSlot& slot) {
  slot.pid.store(0);
  slot.generation.store(0);
  slot.started_at_ms.store(0);
  slot.ready_at_ms.store(0);
  slot.applied_revision.set(0);
  for (Tally* tally : {&slot.connections.accepted, &slot.connections.handled, &slot.connections.requests,
                       &slot.connections.active, &slot.connections.reading, &slot.connections.writing,
                       &slot.connections.waiting}) {
    tally->set(0);
  }
  slot.state.store(ChildState::kFree);
}

}  // namespace

base::Result<StatusZone> StatusZone::create() {
  auto zone = Zone::create("status", sizeof(Layout));
  if (!zone) return std::unexpected(zone.error());
  new (zone->data()) Layout{};
  zone->seal(ZoneHeader::fingerprint(kKind, kLayoutVersion, sizeof(Layout)));
  return StatusZone(std::move(*zone));
}

base::Result<StatusZone> StatusZone::open(Zone zone) {
  if (auto checked = zone.check(ZoneHeader::fingerprint(kKind, kLayoutVersion, sizeof(Layout))); !checked) {
    return std::unexpected(checked.error());
  }
  return StatusZone(std::move(zone));
}

StatusSlot* StatusZone::claim(ChildRole role, std::uint16_t index, std::uint32_t generation) {
  for (StatusSlot& slot : layout().slots) {
    // During an upgrade two masters claim.
    ChildState expected = ChildState::kFree;
    if (!slot.state.compare_exchange_strong(expected, ChildState::kStarting)) continue;
    slot.role.store(role);
    slot.index.store(index);
    slot.generation.store(generation);
    slot.started_at_ms.store(wall_now_ms());
    return &slot;
  }
  return nullptr;
}

void StatusZone::reclaim(StatusSlot& slot) {
  Layout& all = layout();
  all.sequence.fetch_add(1);
  all.accepted.fetch_add(slot.connections.accepted.get());
  all.handled.fetch_add(slot.connections.handled.get());
  all.requests.fetch_add(slot.connections.requests.get());
  clear(slot);
  all.sequence.fetch_add(1);
}

Totals StatusZone::sum() const {
  const Layout& all = layout();
  Totals out{.accepted = all.accepted.load(), .handled = all.handled.load(), .requests = all.requests.load()};
  for (const StatusSlot& slot : all.slots) {
    if (slot.state.load() == ChildState::kFree) continue;
    out.accepted += slot.connections.accepted.get();
    out.handled += slot.connections.handled.get();
    out.requests += slot.connections.requests.get();
    out.active += slot.connections.active.get();
    out.reading += slot.connections.reading.get();
    out.writing += slot.connections.writing.get();
    out.waiting += slot.connections.waiting.get();
  }
  return out;
}

Totals StatusZone::totals() const {
  // The tries are bounded: a master killed inside reclaim() leaves the sequence odd for ever.
  Totals out;
  for (int i = 0; i < 100; ++i) {
    const std::uint32_t before = layout().sequence.load();
    out = sum();
    if (before % 2 == 0 && layout().sequence.load() == before) break;
  }
  return out;
}

}  // namespace apisix::memory
