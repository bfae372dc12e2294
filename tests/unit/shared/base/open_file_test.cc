#include "shared/base/open_file.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"

namespace apisix::base {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uid_t kOther = 65534;
constexpr int kAppend = O_WRONLY | O_APPEND | O_CREAT;

unsigned mode_of(const std::string& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

class OpenFileTest : public ::testing::Test {
 protected:
  OpenFileTest() {
    std::string name = ::testing::TempDir() + "open_file_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    logs = folder + "/logs";
    victim = folder + "/victim";
    fs::create_directory(logs);
    std::ofstream(victim) << "of root";
  }
  ~OpenFileTest() override {
    ::umask(umask_before);
    fs::remove_all(folder);
  }

  // What the owner of logs/ puts there, who is neither root nor this process.
  void give_logs_away() { ASSERT_EQ(::lchown(logs.c_str(), kOther, kOther), 0); }
  void plant_link(const std::string& target, const std::string& name) {
    fs::create_symlink(target, name);
    ASSERT_EQ(::lchown(name.c_str(), kOther, kOther), 0);
  }
  std::string refusal(const std::string& path) {
    const auto opened = open_file(path, kAppend);
    return opened ? "opened" : opened.error().what;
  }

  std::string folder;
  std::string logs;
  std::string victim;
  const mode_t umask_before = ::umask(022);
};

class OpenFileOfOthersTest : public OpenFileTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    give_logs_away();
  }
};

TEST_F(OpenFileTest, ModesAreExactWhateverTheUmask) {
  for (const mode_t mask : {0u, 022u, 077u, 0777u}) {
    ::umask(mask);
    const std::string name = folder + "/mask" + std::to_string(mask);
    const auto file = open_file(name, kAppend, 0644);
    ASSERT_TRUE(file) << file.error().what;
    EXPECT_TRUE(file->is_new);
    EXPECT_EQ(mode_of(name), 0644u) << mask;
    ASSERT_TRUE(make_folder(name + ".d", 0755));
    EXPECT_EQ(mode_of(name + ".d"), 0755u) << mask;
    ASSERT_TRUE(replace_file(name + ".replaced", "x", 0640));
    EXPECT_EQ(mode_of(name + ".replaced"), 0640u) << mask;
  }
}

TEST_F(OpenFileTest, WhatIsThereIsOpenedAndKeepsItsMode) {
  fs::permissions(victim, fs::perms(0600));
  const auto file = open_file(victim, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->is_new);
  EXPECT_EQ(mode_of(victim), 0600u);
  EXPECT_EQ(fs::file_size(victim), 0u);
  fs::permissions(logs, fs::perms(0700));
  ASSERT_TRUE(make_folder(logs, 0755));
  EXPECT_EQ(mode_of(logs), 0700u);
  EXPECT_THAT(make_folder(victim, 0755).error().what, HasSubstr("/victim is not a folder"));
}

TEST_F(OpenFileTest, OwnLinksAreFollowed) {
  fs::create_symlink("../victim", logs + "/error.log");
  fs::create_symlink(logs, folder + "/elsewhere");
  const auto file = open_file(folder + "//elsewhere/./../elsewhere/error.log", kAppend);
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_TRUE(file->by_link);
  EXPECT_FALSE(file->is_new);
  ASSERT_EQ(::write(file->fd.get(), "!", 1), 1);
  EXPECT_EQ(*read_file(victim), "of root!");
  fs::create_symlink(folder + "/made", logs + "/dangling");
  EXPECT_TRUE(open_file(logs + "/dangling", kAppend));
  EXPECT_TRUE(fs::exists(folder + "/made"));
}

TEST_F(OpenFileTest, ErrorsNameThePathAndTheReason) {
  EXPECT_THAT(refusal(folder + "/none/error.log"), HasSubstr("/none/error.log: No such file"));
  EXPECT_THAT(refusal(victim + "/error.log"), HasSubstr("/victim/error.log: Not a directory"));
  fs::create_symlink("loop", logs + "/loop");
  EXPECT_THAT(refusal(logs + "/loop"), HasSubstr("Too many levels of symbolic links"));
  EXPECT_THAT(refusal(folder), HasSubstr("Is a directory"));
}

TEST_F(OpenFileTest, LinkOfProcfsIsThisProcesssFile) {
  const int pipe_end = ::open(victim.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  fs::create_symlink("/proc/self/fd/" + std::to_string(pipe_end), logs + "/error.log");
  const auto file = open_file(logs + "/error.log", kAppend);
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_TRUE(open_file("/dev/null", O_WRONLY));
  ::close(pipe_end);
}

TEST_F(OpenFileOfOthersTest, LinkOfAnotherUserLeadsToNothingOfRoot) {
  plant_link(victim, logs + "/error.log");
  plant_link(folder + "/made", logs + "/dangling");
  plant_link(folder, folder + "/linked");
  EXPECT_THAT(refusal(logs + "/error.log"),
              HasSubstr("a symbolic link of user 65534 leads to what is not theirs"));
  EXPECT_THAT(refusal(logs + "/dangling"), HasSubstr("a symbolic link of user 65534"));
  EXPECT_THAT(refusal(folder + "/linked/made"), HasSubstr("a symbolic link of user 65534"));
  EXPECT_FALSE(make_folder(logs + "/dangling/x", 0755));
  EXPECT_FALSE(replace_file(logs + "/error.log", "y"));
  EXPECT_FALSE(replace_file(logs + "/dangling", "y"));
  EXPECT_EQ(*read_file(victim), "of root");
  EXPECT_FALSE(fs::exists(folder + "/made"));
}

TEST_F(OpenFileOfOthersTest, LinkOfAnotherUserLeadsToWhatIsTheirs) {
  const std::string theirs = folder + "/theirs";
  fs::create_directory(theirs);
  ASSERT_EQ(::lchown(theirs.c_str(), kOther, kOther), 0);
  plant_link(theirs + "/made", logs + "/error.log");
  const auto file = open_file(logs + "/error.log", kAppend);
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_TRUE(file->is_new);
  EXPECT_EQ(refusal(logs + "/error.log"), "opened") << "made by root, in their folder";
  EXPECT_TRUE(replace_file(logs + "/error.log", "x"));
}

TEST_F(OpenFileOfOthersTest, LinkOfRootInTheirFolderIsFollowed) {
  fs::create_symlink(victim, logs + "/error.log");
  EXPECT_EQ(refusal(logs + "/error.log"), "opened");
}

TEST_F(OpenFileOfOthersTest, SecondNameOfAFileOfRootIsNotOpened) {
  fs::create_hard_link(victim, logs + "/error.log");
  EXPECT_THAT(refusal(logs + "/error.log"), HasSubstr("it has another name (a hard link)"));
  std::ofstream(logs + "/nginx.pid") << "1";  // left over from an earlier start by root
  EXPECT_EQ(refusal(logs + "/nginx.pid"), "opened");
}

}  // namespace
}  // namespace apisix::base
