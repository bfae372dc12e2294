#include "shared/inspect/instance.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "shared/base/version.h"

namespace apisix::inspect {
namespace {

using format::Json;
using memory::ChildRole;
using memory::ChildState;
using Verdict = InstanceStatus::Verdict;

Json number(std::uint64_t value) {
  return Json(static_cast<::Json::UInt64>(value));
}

ProcessStatus read_process(const memory::StatusSlot& slot) {
  return {.role = slot.role.load(),
          .state = slot.state.load(),
          .index = slot.index.load(),
          .pid = slot.pid.load(),
          .generation = slot.generation.load(),
          .deaths = slot.deaths.load(),
          .started_at_ms = slot.started_at_ms.load(),
          .ready_at_ms = slot.ready_at_ms.load(),
          .revision = slot.applied_revision.get(),
          .applied_at_ms = slot.applied_at_ms.get(),
          .store_away_since_ms = slot.store_away_since_ms.get(),
          .source = slot.source.load(),
          .certificates_ended = slot.certificates_ended.get(),
          .certificates_ending = slot.certificates_ending.get(),
          .traffic = memory::totals_of(slot.connections),
          .handshakes = slot.handshakes.completed.get(),
          .handshakes_resumed = slot.handshakes.resumed.get(),
          .handshakes_failed = slot.handshakes.failed.get(),
          .io_uring = slot.io_uring.load(),
          .io_uring_errno = slot.io_uring_errno.load()};
}

int rank_of(ChildRole role) {
  return role == ChildRole::kMaster ? 0 : role == ChildRole::kAgent ? 1 : 2;
}

Json to_json(const memory::Totals& totals) {
  Json out(::Json::objectValue);
  out["active"] = number(totals.active);
  out["reading"] = number(totals.reading);
  out["writing"] = number(totals.writing);
  out["waiting"] = number(totals.waiting);
  out["accepted"] = number(totals.accepted);
  out["handled"] = number(totals.handled);
  return out;
}

// The wall clock may be set back.
std::uint64_t age_s(std::uint64_t now_ms, std::uint64_t then_ms) {
  return now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
}

Json to_json(const ProcessStatus& process, std::uint64_t now_ms) {
  Json out(::Json::objectValue);
  out["role"] = std::string(memory::name_of(process.role));
  out["state"] = std::string(memory::name_of(process.state));
  out["pid"] = process.pid > 0 ? Json(process.pid) : Json();
  out["generation"] = process.generation;
  out["deaths"] = process.deaths;
  out["started_at_ms"] = number(process.started_at_ms);
  out["uptime_s"] = number(age_s(now_ms, process.started_at_ms));
  if (process.role != ChildRole::kWorker) return out;
  out["index"] = process.index;
  out["revision"] = process.revision > 0 ? number(process.revision) : Json();
  out["config_age_s"] = process.applied_at_ms > 0 ? number(age_s(now_ms, process.applied_at_ms)) : Json();
  out["store_away"] = process.store_away_since_ms != 0;
  out["connections"] = to_json(process.traffic);
  out["requests"] = number(process.traffic.requests);
  Json& handshakes = out["tls_handshakes"];
  handshakes["completed"] = number(process.handshakes);
  handshakes["resumed"] = number(process.handshakes_resumed);
  handshakes["failed"] = number(process.handshakes_failed);
  out["io_uring"] = process.io_uring_text();
  return out;
}

// A word, for programs.
Json status_json(Verdict verdict) {
  return verdict == Verdict::kNotReady ? "not_ready" : std::string(name_of(verdict));
}

Json config_json(const InstanceStatus& instance) {
  Json out(::Json::objectValue);
  out["provider"] = std::string(memory::name_of(instance.source()));
  out["revision"] = instance.revision() > 0 ? number(instance.revision()) : Json();
  const std::uint64_t applied_ms = instance.applied_at_ms();
  out["age_s"] = applied_ms > 0 ? number(age_s(instance.at_ms, applied_ms)) : Json();
  const std::uint64_t away_ms = instance.store_away_since_ms();
  out["store_away_s"] = away_ms > 0 ? number(age_s(instance.at_ms, away_ms)) : Json();
  out["read_at_ms"] = number(instance.configured_at_ms);
  return out;
}

Json certificates_json(const InstanceStatus& instance) {
  Json out(::Json::objectValue);
  out["ended"] = number(instance.certificates_ended());
  out["ending_within_30_days"] = number(instance.certificates_ending());
  return out;
}

Json change_json(const memory::Change& change) {
  if (change.serial == 0) return {};
  Json out(::Json::objectValue);
  out["kind"] = std::string(memory::name_of(change.kind));
  out["state"] = std::string(memory::name_of(change.state));
  out["at_ms"] = number(change.at_ms);
  if (!change.why.empty()) out["why"] = change.why;
  return out;
}

}  // namespace

std::string ProcessStatus::io_uring_text() const {
  switch (io_uring) {
    case memory::IoUring::kUnknown:
      break;
    case memory::IoUring::kOn:
      return "on";
    case memory::IoUring::kOffByConfig:
      return "off by config.yaml";
    case memory::IoUring::kOffByEnvironment:
      return "off by APISIX_IO_URING";
    case memory::IoUring::kNotToBeHad:
      return std::strerror(io_uring_errno);
    case memory::IoUring::kGivenUp:
      return "given up";
  }
  return {};
}

std::uint64_t InstanceStatus::most_of(std::uint64_t ProcessStatus::* figure) const {
  std::uint64_t most = 0;
  for (const ProcessStatus& process : processes) {
    if (serves(process)) most = std::max(most, process.*figure);
  }
  return most;
}

std::string InstanceStatus::io_uring_text() const {
  std::set<std::string> texts;
  for (const ProcessStatus& process : processes) {
    if (process.role == ChildRole::kWorker && serves(process) && process.state == ChildState::kReady)
      texts.insert(process.io_uring_text());
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

bool InstanceStatus::serves(const ProcessStatus& process) const {
  return process.generation == generation && process.state != ChildState::kDraining &&
         process.role != ChildRole::kMaster;
}

std::string InstanceStatus::name_of(const ProcessStatus& process) {
  std::string out(memory::name_of(process.role));
  if (process.role == ChildRole::kWorker) out += " " + std::to_string(process.index);
  return out;
}

std::vector<std::string> InstanceStatus::reasons() const {
  std::vector<std::string> out;
  if (generation == 0) {
    out.emplace_back("it is starting");
    return out;
  }
  bool has_worker = false;
  for (const ProcessStatus& process : processes) {
    if (!serves(process)) continue;
    has_worker |= process.role == ChildRole::kWorker;
    if (process.state == ChildState::kReady) continue;
    out.push_back(name_of(process) + " is " + std::string(memory::name_of(process.state)));
  }
  if (!has_worker) out.emplace_back("no worker serves");
  const auto master_leaves = [](const ProcessStatus& process) {
    return process.role == ChildRole::kMaster && process.state == ChildState::kDraining;
  };
  if (std::ranges::all_of(processes, [&](const ProcessStatus& process) {
        return process.role != ChildRole::kMaster || master_leaves(process);
      })) {
    out.emplace_back("it is leaving");
  }
  if (store_away_since_ms() != 0) {
    out.push_back("the " + std::string(memory::name_of(source())) +
                  " store is away: what was read last stays in force");
  }
  return out;
}

Verdict InstanceStatus::verdict() const {
  const std::size_t faults = reasons().size();
  if (faults == 0) return Verdict::kReady;
  return faults == 1 && store_away_since_ms() != 0 ? Verdict::kDegraded : Verdict::kNotReady;
}

std::uint64_t InstanceStatus::revision() const {
  std::uint64_t least = 0;
  bool is_first = true;
  for (const ProcessStatus& process : processes) {
    if (process.role != ChildRole::kWorker || !serves(process) || process.state != ChildState::kReady)
      continue;
    least = is_first ? process.revision : std::min(least, process.revision);
    is_first = false;
  }
  return least;
}

std::uint64_t InstanceStatus::applied_at_ms() const {
  std::uint64_t last = 0;
  for (const ProcessStatus& process : processes) {
    if (process.role == ChildRole::kWorker && serves(process)) last = std::max(last, process.applied_at_ms);
  }
  return last;
}

memory::ConfigSource InstanceStatus::source() const {
  for (const ProcessStatus& process : processes) {
    if (process.role == ChildRole::kWorker && process.source != memory::ConfigSource::kUnknown)
      return process.source;
  }
  return memory::ConfigSource::kUnknown;
}

std::uint64_t InstanceStatus::store_away_since_ms() const {
  std::uint64_t first = 0;
  for (const ProcessStatus& process : processes) {
    if (!serves(process) || process.store_away_since_ms == 0) continue;
    first = first == 0 ? process.store_away_since_ms : std::min(first, process.store_away_since_ms);
  }
  return first;
}

InstanceStatus read_instance(const memory::StatusZone& zone, std::uint64_t now_ms) {
  const memory::MasterRecord& record = zone.master();
  InstanceStatus out{.at_ms = now_ms,
                     .master = record.pid.load(),
                     .generation = record.generation.load(),
                     .started_at_ms = record.started_at_ms.load(),
                     .configured_at_ms = record.configured_at_ms.load(),
                     .deaths = record.deaths.load(),
                     .change = record.change(),
                     .traffic = zone.totals(),
                     .processes = {}};
  for (const memory::StatusSlot& slot : zone.slots()) {
    if (slot.state.load() != ChildState::kFree) out.processes.push_back(read_process(slot));
  }
  std::ranges::sort(out.processes, {}, [](const ProcessStatus& process) {
    return std::tuple(rank_of(process.role), ~process.generation, process.index);
  });
  return out;
}

std::string_view name_of(Verdict verdict) {
  static constexpr std::array<std::string_view, 3> kNames = {"ready", "degraded", "not ready"};
  return kNames[static_cast<std::size_t>(verdict)];
}

Json to_json(const InstanceStatus& instance) {
  Json out(::Json::objectValue);
  out["status"] = status_json(instance.verdict());
  out["reasons"] = Json(::Json::arrayValue);
  for (const std::string& reason : instance.reasons()) out["reasons"].append(reason);
  out["version"] = std::string(base::kCompatibleVersion);
  out["pid"] = instance.master;
  out["generation"] = instance.generation;
  out["started_at_ms"] = number(instance.started_at_ms);
  out["uptime_s"] = number(age_s(instance.at_ms, instance.started_at_ms));
  out["deaths"] = number(instance.deaths);
  out["config"] = config_json(instance);
  out["certificates"] = certificates_json(instance);
  out["last_change"] = change_json(instance.change);
  out["connections"] = to_json(instance.traffic);
  out["requests"] = number(instance.traffic.requests);
  out["processes"] = Json(::Json::arrayValue);
  for (const ProcessStatus& process : instance.processes) {
    out["processes"].append(to_json(process, instance.at_ms));
  }
  return out;
}

}  // namespace apisix::inspect
