#include "shared/store/file_store.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string routes_yaml(const std::vector<std::string>& uris) {
  std::string out = "routes:\n";
  for (const std::string& uri : uris) out += "  - {id: " + uri.substr(1) + ", uri: " + uri + "}\n";
  return out + "#END\n";
}

class FileStoreTest : public StoreTest {
 protected:
  FileStoreTest() {
    std::filesystem::create_directory(root_ + "/conf");
    file_.path = root_ + "/conf/apisix.yaml";
  }

  static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  void write(const std::string& text) { write(file_.path, text); }
  void replace(const std::string& text) {
    write(file_.path + ".new", text);
    std::filesystem::rename(file_.path + ".new", file_.path);
  }

  void open() { store_ = std::make_unique<FileStore>(loop_, file_); }

  std::vector<std::string> keys() {
    std::vector<std::string> out;
    auto reply = wait_for(loop_, store_->list("/apisix/"));
    for (const Item& item : reply->items) out.push_back(item.key);
    return out;
  }
  bool turn_until_keys(const std::vector<std::string>& wanted) {
    return turn_until(loop_, [&] { return keys() == wanted; });
  }

  event::Loop loop_;
  FileStoreOptions file_;
  std::unique_ptr<FileStore> store_;
};

TEST_F(FileStoreTest, ReadsTheFileBeforeAnythingElse) {
  write(routes_yaml({"/a", "/b"}));
  open();
  EXPECT_TRUE(store_->has_configuration());
  EXPECT_EQ(store_->provider(), "yaml");
  EXPECT_THAT(keys(), ElementsAre("/apisix/routes/a", "/apisix/routes/b"));
  const auto item = wait_for(loop_, store_->get("/apisix/routes/a"));
  ASSERT_TRUE(item);
  EXPECT_EQ(item->value, R"({"id":"a","uri":"/a"})");
  EXPECT_EQ(wait_for(loop_, store_->get("/apisix/routes/c")).error().code, base::ErrorCode::kNotFound);
}

TEST_F(FileStoreTest, IsReadOnly) {
  write(routes_yaml({}));
  open();
  EXPECT_THAT(wait_for(loop_, store_->txn(put("/apisix/routes/1", "{}"))).error().what,
              HasSubstr("cannot be written here"));
  EXPECT_FALSE(wait_for(loop_, store_->grant_lease(1)));
  EXPECT_FALSE(wait_for(loop_, store_->keep_lease_alive(1)));
}

TEST_F(FileStoreTest, AChangeIsOneBatchOfWhatDiffers) {
  write(routes_yaml({"/a", "/b", "/c"}));
  open();
  const Revision revision = wait_for(loop_, store_->list("/apisix/"))->revision;
  std::vector<EventBatch> batches;
  const auto watch = store_->watch("/apisix/", revision + 1,
                                   {[&](const EventBatch& batch) { batches.push_back(batch); }, nullptr});
  replace(routes_yaml({"/a", "/c", "/d"}));
  ASSERT_TRUE(turn_until(loop_, [&] { return !batches.empty(); }));
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batches[0].revision, revision + 1);
  ASSERT_EQ(batches[0].events.size(), 2U);
  EXPECT_EQ(batches[0].events[0].item.key, "/apisix/routes/d");
  EXPECT_EQ(batches[0].events[1].type, Event::Type::kDelete);
  EXPECT_EQ(batches[0].events[1].item.key, "/apisix/routes/b");
}

TEST_F(FileStoreTest, WrittenInPlace) {
  write(routes_yaml({"/a"}));
  open();
  write(routes_yaml({"/b"}));
  EXPECT_TRUE(turn_until_keys({"/apisix/routes/b"}));
}

TEST_F(FileStoreTest, WhatIsHalfWrittenIsNotRead) {
  write(routes_yaml({"/a"}));
  open();
  const int fd = ::open(file_.path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  const std::string text = routes_yaml({"/b", "/c"});
  ASSERT_EQ(::write(fd, text.data(), 30), 30);
  loop_.run_once(10);
  EXPECT_THAT(keys(), ElementsAre("/apisix/routes/a"));
  ASSERT_EQ(::write(fd, text.data() + 30, text.size() - 30), static_cast<ssize_t>(text.size() - 30));
  ::close(fd);
  EXPECT_TRUE(turn_until_keys({"/apisix/routes/b", "/apisix/routes/c"}));
}

TEST_F(FileStoreTest, AFaultyFileKeepsTheLastGoodState) {
  write(routes_yaml({"/a"}));
  open();
  testing::internal::CaptureStderr();
  replace("routes: [\n#END\n");
  std::string log;
  ASSERT_TRUE(turn_until(loop_, [&] {
    log += testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
    return log.find("the last good one stays in force") != log.npos;
  }));
  testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr(file_.path + ":"));
  EXPECT_THAT(keys(), ElementsAre("/apisix/routes/a"));
  replace(routes_yaml({"/b"}));
  EXPECT_TRUE(turn_until_keys({"/apisix/routes/b"}));
}

TEST_F(FileStoreTest, AFileThatIsNotThereYet) {
  open();
  EXPECT_FALSE(store_->has_configuration());
  EXPECT_TRUE(keys().empty());
  write(routes_yaml({"/a"}));
  EXPECT_TRUE(turn_until_keys({"/apisix/routes/a"}));
  EXPECT_TRUE(store_->has_configuration());
  std::filesystem::remove(file_.path);
  for (int i = 0; i < 10; ++i) loop_.run_once(10);
  EXPECT_THAT(keys(), ElementsAre("/apisix/routes/a")) << "a missing file empties nothing";
}

TEST_F(FileStoreTest, AWorkerThatStartsWithAFaultyFileHasTheLastGoodOne) {
  file_.last_good_path = root_ + "/last_good";
  write(routes_yaml({"/a"}));
  open();
  struct ::stat info{};
  ASSERT_EQ(::stat(file_.last_good_path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  write(routes_yaml({"/b"}));
  ASSERT_TRUE(turn_until_keys({"/apisix/routes/b"}));
  replace("routes: [\n#END\n");
  event::Loop other_loop;
  FileStore other(other_loop, file_);
  EXPECT_TRUE(other.has_configuration());
  EXPECT_EQ(wait_for(other_loop, other.get("/apisix/routes/b"))->value, R"({"id":"b","uri":"/b"})");
  std::filesystem::remove(file_.path);
  FileStore third(other_loop, file_);
  EXPECT_TRUE(third.has_configuration());
  replace(routes_yaml({"/c"}));
  EXPECT_TRUE(turn_until(other_loop,
                         [&] { return wait_for(other_loop, third.get("/apisix/routes/c")).has_value(); }));
}

// A volume of Kubernetes: conf/apisix.yaml -> mount/..data/apisix.yaml, ..data -> a folder of one version.
TEST_F(FileStoreTest, AVolumeOfKubernetes) {
  namespace fs = std::filesystem;
  const std::string mount = root_ + "/mount";
  fs::create_directories(mount + "/..1");
  write(mount + "/..1/apisix.yaml", routes_yaml({"/a"}));
  fs::create_directory_symlink("..1", mount + "/..data");
  fs::create_symlink("..data/apisix.yaml", mount + "/apisix.yaml");
  fs::create_symlink(mount + "/apisix.yaml", file_.path);
  open();
  EXPECT_THAT(keys(), ElementsAre("/apisix/routes/a"));
  for (int version = 2; version < 5; ++version) {
    const std::string folder = "..v" + std::to_string(version);
    fs::create_directory(mount + "/" + folder);
    const std::string name = "v" + std::to_string(version);
    write(mount + "/" + folder + "/apisix.yaml", routes_yaml({"/" + name}));
    fs::create_directory_symlink(folder, mount + "/..data_tmp");
    const std::uint64_t begin_us = base::monotonic_now_us();
    fs::rename(mount + "/..data_tmp", mount + "/..data");
    ASSERT_TRUE(turn_until_keys({"/apisix/routes/" + name}));
    EXPECT_LT(base::monotonic_now_us() - begin_us, 900'000U) << "by a notice, not by the look each second";
  }
}

// What a network file system does: the content changes without a notification.
TEST_F(FileStoreTest, WithoutNoticesTheTimerSees) {
  write(routes_yaml({"/a"}));
  open();
  // A rename of the folder is seen by no watch of ours.
  std::filesystem::create_directory(root_ + "/next");
  write(root_ + "/next/apisix.yaml", routes_yaml({"/b"}));
  std::filesystem::rename(root_ + "/conf", root_ + "/previous");
  std::filesystem::rename(root_ + "/next", root_ + "/conf");
  EXPECT_TRUE(turn_until_keys({"/apisix/routes/b"}));
}

TEST_F(FileStoreTest, AnEmptyListIsAConfigurationToo) {
  open();
  const Revision revision = wait_for(loop_, store_->list("/apisix/"))->revision;
  bool told = false;
  const auto watch =
      store_->watch("/apisix/", revision + 1, {[&](const EventBatch&) { told = true; }, nullptr});
  write("routes: []\n#END\n");
  ASSERT_TRUE(turn_until(loop_, [&] { return told; }));
  EXPECT_TRUE(store_->has_configuration());
}

TEST_F(FileStoreTest, AHardLinkIsNoNews) {
  write(routes_yaml({"/a"}));
  open();
  const Revision revision = wait_for(loop_, store_->list("/apisix/"))->revision;
  std::filesystem::create_hard_link(file_.path, file_.path + ".link");
  for (int i = 0; i < 20; ++i) loop_.run_once(10);
  EXPECT_EQ(wait_for(loop_, store_->list("/apisix/"))->revision, revision);
}

TEST_F(FileStoreTest, Json) {
  file_.path = root_ + "/conf/apisix.json";
  file_.format = resource::DocumentFormat::kJson;
  write(R"({"routes":[{"id":"a","uri":"/a"}]})");
  open();
  EXPECT_EQ(store_->provider(), "json");
  EXPECT_THAT(keys(), ElementsAre("/apisix/routes/a"));
  write(R"({"routes":[{"id":"b","uri":"/b"}]})");
  EXPECT_TRUE(turn_until_keys({"/apisix/routes/b"}));
}

TEST_F(FileStoreTest, AWatchThatComesTooLateIsLost) {
  write(routes_yaml({"/a"}));
  open();
  const Revision revision = wait_for(loop_, store_->list("/apisix/"))->revision;
  bool lost = false;
  const auto watch = store_->watch("/apisix/", revision, {nullptr, [&](const base::Error&) { lost = true; }});
  EXPECT_FALSE(lost) << "never from inside watch()";
  EXPECT_TRUE(turn_until(loop_, [&] { return lost; }));
}

TEST_F(FileStoreTest, ReadOnce) {
  write(routes_yaml({"/a"}));
  const auto list = FileStore::read_once(file_, "/apisix/routes/");
  ASSERT_TRUE(list) << list.error().what;
  EXPECT_EQ(list->items.size(), 1U);
  file_.path += ".none";
  EXPECT_EQ(FileStore::read_once(file_, "/").error().code, base::ErrorCode::kNotFound);
}

TEST(PathParts, LinksAreFollowed) {
  std::string pattern = (std::filesystem::temp_directory_path() / "parts_test.XXXXXX").string();
  const std::string root = std::filesystem::canonical(mkdtemp(pattern.data()));
  namespace fs = std::filesystem;
  fs::create_directories(root + "/real/inner");
  std::ofstream(root + "/real/inner/file") << "x";
  fs::create_directory_symlink("real", root + "/link");
  fs::create_symlink("../link/inner/file", root + "/real/alias");
  EXPECT_EQ(parts_of_path(root + "/link/alias"),
            (PathParts{{root, {"link"}}, {root + "/real", {"alias"}}, {root + "/real/inner", {"file"}}}));
  EXPECT_EQ(parts_of_path(root + "/none/file"), (PathParts{{root, {"none"}}}));
  fs::create_symlink("circle", root + "/circle");
  EXPECT_EQ(parts_of_path(root + "/circle"), (PathParts{{root, {"circle"}}}));
  fs::remove_all(root);
}

}  // namespace
}  // namespace apisix::store
