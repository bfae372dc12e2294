#include "master/pid_file.h"

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/identity.h"
#include "master/masters.h"

namespace apisix::master {
namespace {

using Kind = PidFile::Holder::Kind;

class PidFileTest : public ::testing::Test {
 protected:
  PidFileTest() {
    std::string pattern = ::testing::TempDir() + "pid_file_XXXXXX";
    prefix = ::mkdtemp(pattern.data());
    std::filesystem::create_directory(prefix + "/logs");
  }
  ~PidFileTest() override { std::filesystem::remove_all(prefix); }

  void leave_behind(const std::string& text) { std::ofstream(PidFile::path(prefix)) << text; }

  std::string prefix;
};

TEST_F(PidFileTest, NoFileMeansNoMaster) {
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kNobody);
  EXPECT_TRUE(PidFile::wait_until_free(prefix, 0));
}

TEST_F(PidFileTest, HolderIsRunningUntilItRemovesTheFile) {
  auto file = PidFile::take(prefix);
  ASSERT_TRUE(file) << file.error().what;
  ASSERT_TRUE(file->write());
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kRunning);
  EXPECT_EQ(PidFile::holder(prefix).written, ::getpid());
  EXPECT_FALSE(PidFile::wait_until_free(prefix, 20));

  const auto second = PidFile::take(prefix);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::ErrorCode::kConflict);

  file->remove();
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kNobody);
  EXPECT_FALSE(std::filesystem::exists(PidFile::path(prefix)));
}

TEST_F(PidFileTest, GivesItsNameToASuccessorAndTakesItBack) {
  auto old = PidFile::take(prefix);
  ASSERT_TRUE(old && old->write() && old->set_aside());
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kNobody);
  EXPECT_EQ(PidFile::old_holder(prefix).kind, Kind::kRunning);
  EXPECT_EQ(PidFile::old_holder(prefix).written, ::getpid());
  {
    auto fresh = PidFile::take(prefix);
    ASSERT_TRUE(fresh && fresh->write()) << "the names are not in each other's way";
    fresh->remove();
  }
  ASSERT_TRUE(old->put_back());
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kRunning);
  EXPECT_EQ(PidFile::old_holder(prefix).kind, Kind::kNobody);
}

TEST_F(PidFileTest, RemovesOnlyItsOwnFile) {
  auto first = PidFile::take(prefix);
  ASSERT_TRUE(first && first->set_aside());
  auto second = PidFile::take(prefix);
  ASSERT_TRUE(second && second->write() && second->set_aside()) << "takes the name of the old one's";
  first->remove();
  EXPECT_EQ(PidFile::old_holder(prefix).kind, Kind::kRunning);
  second->remove();
  EXPECT_EQ(PidFile::old_holder(prefix).kind, Kind::kNobody);
}

TEST_F(PidFileTest, LivePidOfAnotherProgramIsStale) {
  leave_behind(std::to_string(::getpid()) + "\n");
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kStale);
  EXPECT_EQ(PidFile::holder(prefix).written, ::getpid());
  EXPECT_TRUE(PidFile::take(prefix));
}

TEST_F(PidFileTest, TextThatIsNoPidIsInvalid) {
  for (const char* text : {"", "-1\n", "0", "abc", "12 34"}) {
    leave_behind(text);
    EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kInvalid) << text;
  }
}

TEST_F(PidFileTest, WhatIsNoFileMeansNoMasterAndIsRefused) {
  ASSERT_EQ(::mkfifo(PidFile::path(prefix).c_str(), 0644), 0);
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kNobody) << "nor does it wait for a writer";
  const auto of_fifo = PidFile::take(prefix);
  ASSERT_FALSE(of_fifo);
  EXPECT_EQ(of_fifo.error().what, PidFile::path(prefix) + " is not a regular file: remove it");
  std::filesystem::remove(PidFile::path(prefix));
  std::filesystem::create_directory(PidFile::path(prefix));
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kNobody);
  EXPECT_FALSE(PidFile::take(prefix));
}

// A process with the title of a master that has the locks of `prefix`.
class MasterProcess {
 public:
  explicit MasterProcess(const std::string& prefix) : prefix_(prefix), pid_(::fork()) {
    if (pid_ == 0) become_master();
    while (PidFile::holder(prefix_).pid != pid_) ::usleep(1000);
  }
  ~MasterProcess() { end(); }
  void end() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  [[noreturn]] void become_master() {
    auto file = PidFile::take(prefix_);
    if (!file || !file->write()) ::_exit(1);
    // Locks outlive an exec if their descriptor does.
    for (int fd = STDERR_FILENO + 1; fd < 64; ++fd) ::fcntl(fd, F_SETFD, 0);
    ::execl("/bin/bash", "bash", "-c", "exec -a 'apisix: master process' sleep 1000", nullptr);
    ::_exit(1);
  }

  const std::string prefix_;
  const pid_t pid_;
};

TEST_F(PidFileTest, LockSaysWhoRunsWhateverTheFileSays) {
  const MasterProcess master(prefix);
  EXPECT_EQ(PidFile::holder(prefix).written, master.pid());
  for (const std::string& text : {std::to_string(::getpid()), std::string(), std::string("junk")}) {
    leave_behind(text);
    EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kRunning) << text;
    EXPECT_EQ(PidFile::holder(prefix).pid, master.pid()) << text;
  }
  EXPECT_FALSE(PidFile::take(prefix));
}

TEST_F(PidFileTest, MasterOfAnotherPrefixIsAStranger) {
  const std::string other = prefix + "/other";
  std::filesystem::create_directories(other + "/logs");
  const MasterProcess master(other);
  leave_behind(std::to_string(master.pid()));
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kStale);
  EXPECT_TRUE(masters_of(prefix).empty());
  EXPECT_TRUE(is_master_of(other, master.pid()));
}

TEST_F(PidFileTest, MasterIsFoundWithoutItsFile) {
  MasterProcess master(prefix);
  std::filesystem::remove(PidFile::path(prefix));
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kNobody);
  auto found = masters_of(prefix);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].pid(), master.pid());
  leave_behind(std::to_string(::getpid()));  // another file of this name
  ASSERT_EQ(masters_of(prefix).size(), 1u);
  EXPECT_TRUE(found[0].is_alive());
  master.end();
  EXPECT_TRUE(found[0].wait_for_end(0));
  EXPECT_EQ(found[0].signal(SIGTERM).error().code, base::ErrorCode::kNotFound);
  EXPECT_TRUE(masters_of(prefix).empty());
}

TEST_F(PidFileTest, TitleAloneMakesNoMaster) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl("/bin/bash", "bash", "-c", "exec -a 'apisix: master process' sleep 1000", nullptr);
    ::_exit(1);
  }
  leave_behind(std::to_string(pid));
  while (std::ifstream("/proc/" + std::to_string(pid) + "/cmdline").get() != 'a') ::usleep(1000);
  EXPECT_FALSE(is_master_of(prefix, pid));
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kStale);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

TEST_F(PidFileTest, KilledHolderLeavesAFreeFile) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto file = PidFile::take(prefix);
    if (!file || !file->write()) ::_exit(1);
    [[maybe_unused]] const auto told = ::write(pipe[1], "x", 1);
    ::pause();
  }
  char told = 0;
  ASSERT_EQ(::read(pipe[0], &told, 1), 1);
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kRunning);
  const auto holder = Process::open(pid);
  ASSERT_TRUE(holder);
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(holder->wait_for_end());
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kStale);
  ::waitpid(pid, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

}  // namespace
}  // namespace apisix::master
