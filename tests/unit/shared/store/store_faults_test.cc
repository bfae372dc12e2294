// What the local store says and does when the file, the directory or the disk is not as it should be.
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/store/change_notice.h"
#include "shared/store/lmdb_file.h"
#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::store {
namespace {

unsigned setfsuid_now() {
  return static_cast<unsigned>(setfsuid(static_cast<uid_t>(-1)));
}

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uid_t kOtherUser = 65534;

base::Result<WriteReply> ask(LmdbFile& file, WriteRequest request) {
  return file.commit({&request, 1}, 1).replies.at(0);
}

class StoreFaults : public StoreTest {
 protected:
  std::unique_ptr<LmdbFile> open() {
    auto file = LmdbFile::open(options_);
    EXPECT_TRUE(file) << file.error().what;
    return file ? std::move(*file) : nullptr;
  }
  base::Error refused() {
    const auto file = LmdbFile::open(options_);
    EXPECT_FALSE(file);
    return file ? base::Error{} : file.error();
  }
  void make_with_items(int count) {
    const auto file = open();
    Txn txn;
    for (int i = 0; i < count; ++i)
      txn.writes.emplace_back(Put{"/k/" + std::to_string(i), std::string(3000, 'v')});
    ASSERT_TRUE(ask(*file, std::move(txn)));
  }
};

TEST_F(StoreFaults, NamesADirectoryThatIsNotThere) {
  options_.path = root_ + "/none/data/store.mdb";
  EXPECT_THAT(refused().what, AllOf(HasSubstr(root_ + "/none/data"), HasSubstr("No such file")));
}

TEST_F(StoreFaults, NamesADirectoryThatIsNotWritable) {
  ASSERT_EQ(mkdir((root_ + "/data").c_str(), 0555), 0);
  options_.owner = Owner{kOtherUser, kOtherUser};
  EXPECT_THAT(refused().what, AllOf(HasSubstr(root_ + "/data/store.mdb"), HasSubstr("Permission denied")));
}

TEST_F(StoreFaults, RefusesWhatIsNoStore) {
  ASSERT_TRUE(std::filesystem::create_directory(root_ + "/data"));
  std::ofstream(options_.path) << std::string(20'000, 'x');
  const base::Error garbage = refused();
  EXPECT_EQ(garbage.code, base::ErrorCode::kInvalid);
  EXPECT_THAT(garbage.what,
              AllOf(HasSubstr(options_.path), HasSubstr("the store is damaged: page 0: it is no meta page")));
  EXPECT_FALSE(LmdbFile::open_read_only(options_.path));
}

TEST_F(StoreFaults, RefusesAnEmptyFile) {
  ASSERT_TRUE(std::filesystem::create_directory(root_ + "/data"));
  std::ofstream{options_.path};
  EXPECT_THAT(refused().what, HasSubstr("the store is damaged: it was cut short"));
}

TEST_F(StoreFaults, RefusesAnotherFormat) {
  make_with_items(1);
  MDB_env* env = nullptr;
  mdb_env_create(&env);
  mdb_env_set_maxdbs(env, 8);
  ASSERT_EQ(mdb_env_open(env, options_.path.c_str(), MDB_NOSUBDIR, 0600), 0);
  MDB_txn* txn = nullptr;
  MDB_dbi meta = 0;
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
  ASSERT_EQ(mdb_dbi_open(txn, "meta", 0, &meta), 0);
  char name[] = "format", format[] = "apisix store 9";
  MDB_val key{6, name}, value{14, format};
  ASSERT_EQ(mdb_put(txn, meta, &key, &value, 0), 0);
  ASSERT_EQ(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
  EXPECT_THAT(refused().what,
              HasSubstr("its format is \"apisix store 9\", this program's is \"apisix store 2\""));
}

TEST_F(StoreFaults, RefusesAFileThatWasCutShort) {
  make_with_items(200);
  const auto bytes = std::filesystem::file_size(options_.path);
  for (const auto keep : {bytes / 2, bytes - 64 * 4096}) {
    std::filesystem::copy_file(options_.path, root_ + "/copy.mdb",
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(root_ + "/copy.mdb", keep);
    auto options = options_;
    options.path = root_ + "/copy.mdb";
    for (int tries = 0; tries < 2; ++tries) {
      const auto file = LmdbFile::open(options);
      ASSERT_FALSE(file) << keep;
      EXPECT_EQ(file.error().code, base::ErrorCode::kInvalid);
    }
  }
}

TEST_F(StoreFaults, AFullMapStoresNothingAndStaysUsable) {
  options_.map_bytes = 1 << 20;
  const auto file = open();
  ASSERT_TRUE(ask(*file, put("/small", "1")));
  std::optional<base::Error> full;
  int stored = 0;
  for (; !full && stored < 100; ++stored) {
    auto reply = ask(*file, put("/big/" + std::to_string(stored), std::string(50'000, 'v')));
    if (!reply) full = reply.error();
  }
  ASSERT_TRUE(full);
  EXPECT_EQ(full->code, base::ErrorCode::kIo);
  EXPECT_THAT(full->what, HasSubstr("the largest size it may have (1048576 bytes)"));
  EXPECT_FALSE(file->get("/big/" + std::to_string(stored - 1)));
  EXPECT_TRUE(ask(*file, put("/small", "2")));
  EXPECT_EQ(file->get("/small")->value, "2");
}

TEST_F(StoreFaults, InAGroupOnlyWhatDoesNotFitFails) {
  options_.map_bytes = 1 << 20;
  const auto file = open();
  const CommitReply reply = file->commit(
      std::vector<WriteRequest>{put("/a", "1"), put("/big", std::string(2 << 20, 'v')), put("/b", "2")}, 1);
  EXPECT_TRUE(reply.replies.at(0));
  EXPECT_FALSE(reply.replies.at(1));
  EXPECT_EQ(std::get<TxnReply>(reply.replies.at(2).value()).revision, 3);
  EXPECT_TRUE(reply.changed);
}

// In a child, where the file may not grow: what a full disk does, without filling one.
TEST_F(StoreFaults, AFullDiskStoresNothingAndStaysUsable) {
  make_with_items(10);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    auto file = LmdbFile::open(options_);
    const rlimit limit{std::filesystem::file_size(options_.path), RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto reply = ask(**file, put("/big", std::string(1 << 20, 'v')));
    if (reply || reply.error().what.find("space is left on") == std::string::npos) _exit(1);
    if ((*file)->get("/big") || (*file)->list("")->revision != 2) _exit(2);
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &none);
    if (!ask(**file, put("/big", std::string(1 << 20, 'v')))) _exit(3);
    file->reset();
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const auto file = open();
  EXPECT_EQ(file->get("/big")->value.size(), std::size_t{1} << 20);
  EXPECT_EQ(file->list("")->revision, 3);
}

TEST_F(StoreFaults, ADeletedFileTakesNoMoreWrites) {
  const auto file = open();
  ASSERT_TRUE(ask(*file, put("/a", "1")));
  std::filesystem::remove(options_.path);
  const auto reply = ask(*file, put("/a", "2"));
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().what, HasSubstr("deleted while it was open"));
}

TEST_F(StoreFaults, AHalfMadeStoreIsMadeAgain) {
  ASSERT_TRUE(std::filesystem::create_directory(root_ + "/data"));
  std::ofstream(options_.path + "-new") << "killed while it was written";
  const auto file = open();
  EXPECT_TRUE(ask(*file, put("/a", "1")));
  EXPECT_FALSE(std::filesystem::exists(options_.path + "-new"));
}

class StoreOwner : public StoreFaults {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    ASSERT_EQ(chmod(root_.c_str(), 0755), 0);
    options_.owner = Owner{kOtherUser, kOtherUser};
  }
  uid_t owner_of(const std::string& path) {
    struct stat about{};
    EXPECT_EQ(lstat(path.c_str(), &about), 0) << path;
    return about.st_uid;
  }
};

TEST_F(StoreOwner, RootMakesTheFilesForTheWorkersUser) {
  open();
  for (const char* name : {"", "/store.mdb", "/store.mdb-lock", "/store.mdb-notice"}) {
    EXPECT_EQ(owner_of(root_ + "/data" + name), kOtherUser) << name;
  }
  EXPECT_EQ(setfsuid_now(), 0U);
}

TEST_F(StoreOwner, WhatRootMadeEarlierIsGivenAway) {
  options_.owner.reset();
  open();
  ASSERT_EQ(chown((root_ + "/data").c_str(), kOtherUser, kOtherUser), 0);
  EXPECT_EQ(owner_of(options_.path), 0U);
  options_.owner = Owner{kOtherUser, kOtherUser};
  const auto file = open();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(owner_of(options_.path), kOtherUser);
  EXPECT_EQ(owner_of(options_.path + "-lock"), kOtherUser);
}

TEST_F(StoreOwner, ALinkThatTheOwnerPlantedReachesNothingOfRoots) {
  open();
  std::ofstream(root_ + "/secret") << "root's";
  ASSERT_EQ(chmod((root_ + "/secret").c_str(), 0600), 0);
  for (const char* name : {"-lock", "-notice", ""}) {
    const std::string path = options_.path + name;
    std::filesystem::rename(path, root_ + "/kept");
    std::filesystem::create_symlink(root_ + "/secret", path);
    EXPECT_THAT(refused().what, HasSubstr(options_.path)) << name;
    EXPECT_EQ(std::filesystem::file_size(root_ + "/secret"), 6U) << name;
    EXPECT_EQ(owner_of(root_ + "/secret"), 0U) << name;
    std::filesystem::rename(root_ + "/kept", path);
  }
  EXPECT_NE(open(), nullptr);
}

TEST_F(StoreOwner, ReadingOnceLeavesNoFileOfRoots) {
  open();
  std::filesystem::remove(options_.path + "-lock");
  EXPECT_TRUE(LmdbFile::open_read_only(options_.path));
  EXPECT_EQ(owner_of(options_.path + "-lock"), kOtherUser);
}

TEST(ChangeNotice, LooksOftenWhenItCannotListen) {
  event::Loop loop;
  int notices = 0;
  const ChangeNotice notice(loop, "/no/such/file", [&] { ++notices; });
  const std::uint64_t begin_us = base::monotonic_now_us();
  ASSERT_TRUE(turn_until(loop, [&] { return notices >= 10; }));
  EXPECT_LT(base::monotonic_now_us() - begin_us, 900'000U) << "the slow look comes once a second";
}

}  // namespace
}  // namespace apisix::store
