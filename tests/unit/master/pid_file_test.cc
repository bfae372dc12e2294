#include "master/pid_file.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

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

TEST_F(PidFileTest, NoFileMeansNobody) {
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kNobody);
  EXPECT_TRUE(PidFile::wait_until_free(prefix, 0));
}

TEST_F(PidFileTest, HolderIsRunningUntilItRemovesTheFile) {
  auto file = PidFile::take(prefix);
  ASSERT_TRUE(file) << file.error().what;
  ASSERT_TRUE(file->write());
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kRunning);
  EXPECT_EQ(PidFile::holder(prefix).pid, ::getpid());
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
  EXPECT_EQ(PidFile::old_holder(prefix).pid, ::getpid());
  {
    auto fresh = PidFile::take(prefix);
    ASSERT_TRUE(fresh && fresh->write()) << "the names are not in each other's way";
    fresh->remove();
  }
  ASSERT_TRUE(old->put_back());
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kRunning);
  EXPECT_EQ(PidFile::old_holder(prefix).kind, Kind::kNobody);
}

TEST_F(PidFileTest, RemovesNobodyElsesFile) {
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
  EXPECT_EQ(PidFile::holder(prefix).pid, ::getpid());
  EXPECT_TRUE(PidFile::take(prefix));
}

TEST_F(PidFileTest, TextThatIsNoPidIsInvalid) {
  for (const char* text : {"", "-1\n", "0", "abc", "12 34"}) {
    leave_behind(text);
    EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kInvalid) << text;
  }
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
  ::kill(pid, SIGKILL);
  PidFile::wait_until_gone(prefix, pid);
  EXPECT_EQ(PidFile::holder(prefix).kind, Kind::kStale);
  ::waitpid(pid, nullptr, 0);
  PidFile::wait_until_gone(prefix, pid);  // nobody of that pid: returns
  ::close(pipe[0]);
  ::close(pipe[1]);
}

}  // namespace
}  // namespace apisix::master
