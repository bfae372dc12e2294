// InstanceStatus: one look at the status zone: who runs, in which state, with which configuration. A value:
// it keeps nothing of the zone. The same for `apisix status` and for GET /v1/status.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/format/json.h"
#include "shared/memory/status_zone.h"

namespace apisix::inspect {

struct ProcessStatus {
  memory::ChildRole role = memory::ChildRole::kWorker;
  memory::ChildState state = memory::ChildState::kFree;
  std::uint32_t index = 0;  // of a worker
  std::int32_t pid = 0;     // 0: Gone
  std::uint32_t generation = 0;
  std::uint32_t deaths = 0;  // in a row, of those who had this place before
  std::uint64_t started_at_ms = 0;
  std::uint64_t ready_at_ms = 0;  // 0: not yet
  // Workers only.
  std::uint64_t revision = 0;  // of the configuration; 0: none yet
  std::uint64_t applied_at_ms = 0;
  std::uint64_t store_away_since_ms = 0;  // 0: the store is reachable
  memory::ConfigSource source = memory::ConfigSource::kUnknown;
  std::uint64_t certificates_ended = 0;
  std::uint64_t certificates_ending = 0;  // within 30 days
  memory::Totals traffic = {};
  // TLS with clients, since it was started.
  std::uint64_t handshakes = 0;
  std::uint64_t handshakes_resumed = 0;  // of these
  std::uint64_t handshakes_failed = 0;   // beside these
  memory::IoUring io_uring = memory::IoUring::kUnknown;
  int io_uring_errno = 0;  // of kNotToBeHad

  // "on", "off by config.yaml", "Operation not permitted"; "" when unknown.
  std::string io_uring_text() const;
};

struct InstanceStatus {
  // kDegraded: all serve, but the store is away: what was read last stays in force.
  enum class Verdict : std::uint8_t { kReady, kDegraded, kNotReady };

  std::uint64_t at_ms = 0;  // wall clock, of this look; so are all times below
  std::int32_t master = 0;
  std::uint32_t generation = 0;  // that serves; 0: none yet
  std::uint64_t started_at_ms = 0;
  std::uint64_t configured_at_ms = 0;
  std::uint64_t deaths = 0;  // of children, ever
  memory::Change change = {};
  memory::Totals traffic = {};
  std::vector<ProcessStatus> processes;  // master, agent, workers; the newest generation first

  Verdict verdict() const;
  // Why it is not kReady, as text: "worker 1 is Gone".
  std::vector<std::string> reasons() const;
  // Of the workers that serve: what all of them have applied, at least.
  std::uint64_t revision() const;
  // When the last of them applied it; 0: never.
  std::uint64_t applied_at_ms() const;
  memory::ConfigSource source() const;
  // Of the worker that knows most.
  std::uint64_t certificates_ended() const { return most_of(&ProcessStatus::certificates_ended); }
  std::uint64_t certificates_ending() const { return most_of(&ProcessStatus::certificates_ending); }
  // ProcessStatus::io_uring_text() of the workers that serve; more than one when they differ.
  std::string io_uring_text() const;
  // Since when the store is away from one of them; 0: it is reachable for all.
  std::uint64_t store_away_since_ms() const;

  // A process that belongs to what serves, and not to what leaves or only comes.
  bool serves(const ProcessStatus& process) const;
  // "worker 3", "agent"
  static std::string name_of(const ProcessStatus& process);

 private:
  std::uint64_t most_of(std::uint64_t ProcessStatus::* figure) const;
};

InstanceStatus read_instance(const memory::StatusZone& zone, std::uint64_t now_ms);

std::string_view name_of(InstanceStatus::Verdict verdict);  // "ready", "degraded", "not ready"
// {"status" ("not_ready" with its underscore), "reasons", "generation", "config", "last_change",
// "connections", "requests", "processes", ...}; times are epochs in milliseconds, ages seconds;
// docs/COMMANDS.md lists the fields.
format::Json to_json(const InstanceStatus& instance);

}  // namespace apisix::inspect
