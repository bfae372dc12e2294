#include "shared/settings/cores.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "shared/base/file.h"

namespace apisix::settings {
namespace {

class Cgroups : public ::testing::Test {
 protected:
  Cgroups() {
    std::string name = ::testing::TempDir() + "cgroup_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  ~Cgroups() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, std::string_view text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    ASSERT_TRUE(base::replace_file(root_ + path, text));
  }

  std::string root_;
};

TEST_F(Cgroups, Version2) {
  write("/a/b/cpu.max", "150000 100000\n");
  EXPECT_EQ(cgroup_core_limit(root_, "0::/a/b\n"), 2) << "rounded up";
  write("/a/cpu.max", "50000 100000\n");
  EXPECT_EQ(cgroup_core_limit(root_, "0::/a/b\n"), 1) << "the parent binds too";
  write("/a/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_core_limit(root_, "0::/a/b\n"), 2);
  EXPECT_EQ(cgroup_core_limit(root_, "0::/other\n"), 0);
}

TEST_F(Cgroups, Version2AtTheRootOfAContainer) {
  write("/cpu.max", "400000 100000\n");
  EXPECT_EQ(cgroup_core_limit(root_, "0::/\n"), 4);
}

TEST_F(Cgroups, Version1) {
  write("/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "250000\n");
  write("/cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n");
  write("/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  const std::string groups = "12:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n";
  EXPECT_EQ(cgroup_core_limit(root_, groups), 3);
  EXPECT_EQ(cgroup_core_limit(root_, "12:memory:/docker/x\n"), 0);
}

TEST_F(Cgroups, Version1SeenFromInsideAContainer) {
  write("/cpu/cpu.cfs_quota_us", "100000\n");
  write("/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_core_limit(root_, "4:cpu:/docker/not-visible-here\n"), 1);
}

TEST_F(Cgroups, NonsenseIsNoLimit) {
  write("/cpu.max", "lots of them\n");
  for (const char* groups : {"", "x", "0:", "0::", "::::", "0::/\n"})
    EXPECT_EQ(cgroup_core_limit(root_, groups), 0);
}

TEST(Cores, AffinityCounts) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_GE(usable_cores(), 1);
  EXPECT_LE(usable_cores(), CPU_COUNT(&before));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &before)) continue;
    CPU_SET(core, &one);
    break;
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_cores(), 1);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(Cores, WorkerCount) {
  Settings settings;
  EXPECT_EQ(worker_count(settings), usable_cores());
  settings.nginx_config.worker_processes = 7;
  EXPECT_EQ(worker_count(settings), 7);
  settings.apisix.enable_dev_mode = true;
  EXPECT_EQ(worker_count(settings), 1);
}

}  // namespace
}  // namespace apisix::settings
