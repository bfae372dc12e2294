#include "shared/base/file.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace apisix::base {
namespace {

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    std::string name = ::testing::TempDir() + "file_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::size_t files() const {
    const std::filesystem::directory_iterator all(folder_);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

  std::string folder_;
};

TEST_F(FileTest, WritesReadsAndReplaces) {
  const std::string path = folder_ + "/a";
  ASSERT_TRUE(replace_file(path, "one", 0640));
  struct stat found{};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0640u);
  ASSERT_TRUE(replace_file(path, std::string(100'000, 'x')));
  EXPECT_EQ(read_file(path)->size(), 100'000u);
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0640u) << "the mode stays";
  EXPECT_EQ(files(), 1u) << "no temporary file is left";
}

TEST_F(FileTest, ErrorsNameTheFile) {
  const auto missing = read_file(folder_ + "/none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().what, ::testing::HasSubstr("/none"));
  const auto folder = read_file(folder_);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::kIo);
  ASSERT_TRUE(replace_file(folder_ + "/big", "12345"));
  EXPECT_EQ(read_file(folder_ + "/big", 4).error().code, ErrorCode::kTooLarge);
  EXPECT_FALSE(replace_file(folder_ + "/no/such", "x"));
}

TEST_F(FileTest, AFailedReplacementLeavesNothingBehind) {
  std::filesystem::create_directory(folder_ + "/sub");
  ASSERT_FALSE(replace_file(folder_ + "/sub", "a file cannot replace a folder"));
  EXPECT_EQ(files(), 1u);
}

}  // namespace
}  // namespace apisix::base
