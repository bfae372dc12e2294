#include "shared/memory/status_zone.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <new>

#include <fcntl.h>

namespace apisix::memory {
namespace {

constexpr std::uint32_t kKind = 6;
constexpr std::uint32_t kLayoutVersion = 3;

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
  for (Tally* tally : {&slot.connections.accepted, &slot.connections.handled, &slot.connections.requests,
                       &slot.connections.active, &slot.connections.reading, &slot.connections.writing,
                       &slot.connections.waiting}) {
    tally->set(0);
  }
  slot.state.store(ChildState::kFree);
}

}  // namespace

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

base::Result<StatusZone> StatusZone::look_into(std::int32_t master_pid) {
  const std::string folder = "/proc/" + std::to_string(master_pid) + "/fd";
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::error_code ignored;
    const std::string target = std::filesystem::read_symlink(entry.path(), ignored).string();
    if (!target.starts_with(std::string("/memfd:apisix-") + kName + " ")) continue;
    base::UniqueFd fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
      return base::system_error("cannot open the status zone of process " + std::to_string(master_pid),
                                errno);
    }
    auto zone = Zone::open_to_read(kName, std::move(fd));
    return zone ? open(std::move(*zone)) : std::unexpected(zone.error());
  }
  if (error) return base::system_error("cannot read " + folder, error.value());
  return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kClient,
                    "process " + std::to_string(master_pid) + " has no status zone");
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
    out.accepted += slot.connections.accepted.get();
    out.handled += slot.connections.handled.get();
    out.requests += slot.connections.requests.get();
    out.active += slot.connections.active.get();
    out.reading += slot.connections.reading.get();
    out.writing += slot.connections.writing.get();
  }
  // Read one after the other: the sum may be off by what happens meanwhile.
  out.waiting = out.active - std::min(out.active, out.reading + out.writing);
  return out;
}

Totals StatusZone::totals() const {
  // The tries are bounded: a master killed inside reclaim() leaves the marks different for ever.
  Totals out;
  for (int i = 0; i < 100; ++i) {
    const std::uint32_t before = layout().ended.load();
    out = sum();
    if (layout().begun.load() == before) break;
  }
  return out;
}

}  // namespace apisix::memory
