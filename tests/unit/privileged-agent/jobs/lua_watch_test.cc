#include "privileged-agent/jobs/lua_watch.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/event/loop.h"

namespace apisix::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LuaWatch, FoldersAreThoseBeforeTheName) {
  EXPECT_THAT(folders_of_path("/a/?.lua;/b/?/init.lua"), ElementsAre("/a", "/b"));
  EXPECT_THAT(folders_of_path("/a/?.lua;/a/?/init.lua;"), ElementsAre("/a"));
  EXPECT_THAT(folders_of_path("/a/b/x_?.lua"), ElementsAre("/a/b"));
  EXPECT_THAT(folders_of_path("?.lua;./?.lua;/?.lua"), ElementsAre(".", "/"));
  EXPECT_THAT(folders_of_path("/a/fixed.lua"), IsEmpty());
  EXPECT_THAT(folders_of_path(""), IsEmpty());
}

class Watched : public ::testing::Test {
 protected:
  static std::filesystem::path make_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "lua-watch-XXXXXX").string();
    const std::filesystem::path folder = ::mkdtemp(pattern.data());
    std::filesystem::create_directories(folder / "apisix/plugins");
    return folder;
  }
  ~Watched() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name) const { std::ofstream(folder_ / name) << "return {}"; }
  // Until it was called back, or for longer than that takes.
  void turn() {
    const std::size_t before = changed_.size();
    const std::uint64_t ends_ms = loop_.clock().monotonic_ms() + 3 * LuaWatch::kQuietMs;
    while (changed_.size() == before && loop_.clock().monotonic_ms() < ends_ms) loop_.run_once(10);
  }

  const std::filesystem::path folder_ = make_folder();
  event::Loop loop_;
  std::vector<std::string> changed_;
  LuaWatch watch_{loop_, {folder_.string()}, [this](const std::string& file) { changed_.push_back(file); }};
};

TEST_F(Watched, ChangesAreToldOnceTheyEnd) {
  ASSERT_TRUE(watch_.start().has_value());
  for (int i = 0; i < 3; ++i) write("apisix/plugins/a.lua");
  turn();
  EXPECT_THAT(changed_, ElementsAre((folder_ / "apisix/plugins/a.lua").string()));
  std::filesystem::remove(folder_ / "apisix/plugins/a.lua");
  turn();
  EXPECT_EQ(changed_.size(), 2u);
}

TEST_F(Watched, FilesOfOtherKindsAreNotTold) {
  ASSERT_TRUE(watch_.start().has_value());
  write("apisix/plugins/a.lua.swp");
  write("notes.txt");
  turn();
  EXPECT_THAT(changed_, IsEmpty());
  write("apisix/plugins/a.lua");
  turn();
  EXPECT_EQ(changed_.size(), 1u);
}

TEST_F(Watched, FoldersThatComeLaterAreWatched) {
  ASSERT_TRUE(watch_.start().has_value());
  std::filesystem::create_directories(folder_ / "later/below");
  turn();
  ASSERT_EQ(changed_.size(), 1u);
  write("later/below/b.lua");
  turn();
  EXPECT_EQ(changed_.back(), (folder_ / "later/below/b.lua").string());
}

}  // namespace
}  // namespace apisix::agent
