// How many workers to start: the cores that this process may really use, which in a container is less than
// the machine has.
#pragma once

#include <string>

#include "shared/settings/settings.h"

namespace apisix::settings {

// min(affinity mask, cgroup v2 cpu.max or v1 cpu.cfs_quota_us of this process and its parents, rounded up),
// at least 1.
int usable_cores();
// The quota below `cgroup_root` ("/sys/fs/cgroup") for the process described by `proc_cgroup` (the text of
// /proc/self/cgroup); 0 when there is none.
int cgroup_core_limit(const std::string& cgroup_root, const std::string& proc_cgroup);

// nginx_config.worker_processes with "auto" resolved.
int worker_count(const Settings& settings);

}  // namespace apisix::settings
