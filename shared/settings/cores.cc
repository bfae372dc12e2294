#include "shared/settings/cores.h"

#include <algorithm>
#include <cmath>

#include <sched.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/text.h"

namespace apisix::settings {
namespace {

std::string first_line(const std::string& path) {
  const auto text = base::read_file(path, 4096);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

int cores_of(double quota, double period) {
  if (quota <= 0 || period <= 0) return 0;
  constexpr double kCoresMax = 1 << 20;
  return static_cast<int>(std::min(std::ceil(quota / period), kCoresMax));
}

// "cpu.max": "max 100000" or "150000 100000".
int v2_limit(const std::string& folder) {
  const std::string line = first_line(folder + "/cpu.max");
  const auto parts = base::split(line, ' ');
  if (parts.size() != 2) return 0;
  return cores_of(base::parse_double(parts[0]).value_or(0), base::parse_double(parts[1]).value_or(0));
}

int v1_limit(const std::string& folder) {
  const auto quota = base::parse_double(first_line(folder + "/cpu.cfs_quota_us"));
  const auto period = base::parse_double(first_line(folder + "/cpu.cfs_period_us"));
  return cores_of(quota.value_or(0), period.value_or(0));
}

// The smallest limit of the group and of those above it; a parent's quota binds its children.
int limit_up_to_root(const std::string& root, std::string group, int (*limit_of)(const std::string&)) {
  int least = 0;
  for (;;) {
    const int limit = limit_of(root + group);
    if (limit > 0) least = least == 0 ? limit : std::min(least, limit);
    const auto slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

bool names_cpu(std::string_view controllers) {
  return std::ranges::any_of(base::split(controllers, ','),
                             [](std::string_view name) { return name == "cpu"; });
}

int affinity_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  // More cores than the mask holds.
  return static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

int cgroup_core_limit(const std::string& cgroup_root, const std::string& proc_cgroup) {
  int least = 0;
  const auto consider = [&](int limit) {
    if (limit > 0) least = least == 0 ? limit : std::min(least, limit);
  };
  for (const std::string_view line : base::split(proc_cgroup, '\n')) {
    const auto first = line.find(':');
    const auto second = line.find(':', first == line.npos ? line.npos : first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    const std::string group(path == "/" ? "" : path);
    if (controllers.empty()) consider(limit_up_to_root(cgroup_root, group, v2_limit));
    if (!names_cpu(controllers)) continue;
    // A container sees its own group as the root of the mount, whatever path the kernel names.
    for (const char* mount : {"/cpu,cpuacct", "/cpu"})
      consider(limit_up_to_root(cgroup_root + mount, group, v1_limit));
  }
  return least;
}

int usable_cores() {
  const auto groups = base::read_file("/proc/self/cgroup", 1 << 16);
  const int limit = groups ? cgroup_core_limit("/sys/fs/cgroup", *groups) : 0;
  const int cores = std::max(1, affinity_cores());
  return limit > 0 ? std::min(cores, limit) : cores;
}

int worker_count(const Settings& settings) {
  if (settings.apisix.enable_dev_mode) return 1;
  const std::int64_t configured = settings.nginx_config.worker_processes;
  return configured > 0 ? static_cast<int>(configured) : usable_cores();
}

}  // namespace apisix::settings
