#include "master/masters.h"

#include <algorithm>

#include "master/identity.h"
#include "master/pid_file.h"
#include "shared/memory/status_zone.h"

namespace apisix::master {
namespace {

class Found {
 public:
  explicit Found(const std::string& prefix) : prefix_(prefix) {}

  void add(pid_t pid) {
    const bool is_known = std::ranges::find(processes_, pid, &Process::pid) != processes_.end();
    if (pid <= 0 || is_known) return;
    auto process = Process::open(pid);
    // In this order: the number may have become another process's until it was opened.
    if (process && is_master_of(prefix_, pid)) processes_.push_back(std::move(*process));
  }
  void add_by_locks() {
    add(PidFile::holder(prefix_).pid);
    add(PidFile::old_holder(prefix_).pid);
  }
  void add_by_open_files() {
    for (const pid_t pid : masters_with(PidFile::path(prefix_))) add(pid);
    for (const pid_t pid : masters_with(PidFile::old_path(prefix_))) add(pid);
  }
  void add_listed(const memory::StatusZone& zone) {
    for (const memory::StatusSlot& slot : zone.slots()) {
      const bool is_master =
          slot.state.load() != memory::ChildState::kFree && slot.role.load() == memory::ChildRole::kMaster;
      if (is_master) add(slot.pid.load());
    }
  }
  std::vector<pid_t> pids() const {
    std::vector<pid_t> out;
    for (const Process& each : processes_) out.push_back(each.pid());
    return out;
  }
  std::vector<Process> take() { return std::move(processes_); }

 private:
  const std::string& prefix_;
  std::vector<Process> processes_;
};

}  // namespace

std::vector<Process> masters_of(const std::string& prefix) {
  Found found(prefix);
  found.add_by_locks();
  if (found.pids().empty()) found.add_by_open_files();
  for (const pid_t pid : found.pids()) {
    if (const auto zone = memory::StatusZone::attach(pid)) found.add_listed(*zone);
  }
  return found.take();
}

base::Error why_no_master(const std::string& prefix) {
  const std::string file = PidFile::path(prefix);
  if (PidFile::holder(prefix).kind != PidFile::Holder::Kind::kRunning) {
    return {base::ErrorCode::kNotFound, base::ErrorSource::kClient, false,
            "not running: nobody holds " + file};
  }
  return {base::ErrorCode::kUnavailable, base::ErrorSource::kClient, true,
          "the master is just starting, or another program has locked " + file + "; try again"};
}

}  // namespace apisix::master
