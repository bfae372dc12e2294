#include "master/masters.h"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "master/pid_file.h"
#include "shared/memory/status_zone.h"

namespace apisix::master {
namespace {

void add(std::vector<pid_t>& pids, pid_t pid) {
  if (pid > 0 && std::ranges::find(pids, pid) == pids.end()) pids.push_back(pid);
}

void add_listed(std::vector<pid_t>& pids, const memory::StatusZone& zone) {
  for (const memory::StatusSlot& slot : zone.slots()) {
    if (slot.state.load() == memory::ChildState::kFree || slot.role.load() != memory::ChildRole::kMaster)
      continue;
    const pid_t pid = slot.pid.load();
    // A master that was killed keeps its slot for a while, and the pid may be somebody else's by now.
    if (PidFile::is_gateway(pid)) add(pids, pid);
  }
}

}  // namespace

std::vector<pid_t> masters_of(const std::string& prefix) {
  std::vector<pid_t> out;
  for (const PidFile::Holder& holder : {PidFile::holder(prefix), PidFile::old_holder(prefix)}) {
    if (holder.kind == PidFile::Holder::Kind::kRunning) add(out, holder.pid);
  }
  const std::vector<pid_t> known = out;
  for (const pid_t pid : known) {
    if (const auto zone = memory::StatusZone::look_into(pid)) add_listed(out, *zone);
  }
  return out;
}

}  // namespace apisix::master
