#include "shared/store/etcd_snapshot.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::store {
namespace {

using ::testing::HasSubstr;

EtcdSnapshot example() {
  EtcdSnapshot out;
  out.prefix = "/apisix";
  out.hosts = {"http://a:2379", "http://b:2379"};
  out.written_ms = 1'700'000'000'123;
  out.list.revision = 42;
  for (int i = 0; i < 20; ++i) {
    out.list.items.push_back({.key = "/apisix/routes/" + std::to_string(100 + i),
                              .value = std::string(static_cast<std::size_t>(i) * 7, '\0') + "{}",
                              .create_revision = i + 1,
                              .mod_revision = i + 2,
                              .version = 3,
                              .lease = -1});
  }
  return out;
}

std::string file_of(const EtcdSnapshot& snapshot) {
  EtcdSnapshotEncoder encoder(snapshot, snapshot.list.items.size());
  for (const Item& item : snapshot.list.items) encoder.add(item.key, item);
  return seal_snapshot(encoder.take());
}

class EtcdSnapshotTest : public StoreTest {
 protected:
  EtcdSnapshotTest() : path_(root_ + "/etcd-snapshot") {}
  base::Result<EtcdSnapshot> read(const std::string& prefix = "/apisix",
                                  const std::string& host = "http://b:2379") {
    settings::Deployment::Etcd etcd;
    etcd.prefix = prefix;
    etcd.host = {host};
    return read_snapshot_for(path_, etcd);
  }
  std::string path_;
};

TEST_F(EtcdSnapshotTest, GivesBackWhatWasWritten) {
  const EtcdSnapshot wrote = example();
  ASSERT_TRUE(write_snapshot_file(path_, file_of(wrote)));
  const auto got = read();
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(got->written_ms, wrote.written_ms);
  EXPECT_EQ(got->hosts, wrote.hosts);
  EXPECT_EQ(got->list.revision, 42);
  ASSERT_EQ(got->list.items.size(), wrote.list.items.size());
  for (std::size_t i = 0; i < wrote.list.items.size(); ++i) {
    const Item &a = got->list.items[i], &b = wrote.list.items[i];
    EXPECT_TRUE(a.key == b.key && a.value == b.value && a.lease == b.lease && a.version == b.version);
    EXPECT_TRUE(a.create_revision == b.create_revision && a.mod_revision == b.mod_revision);
  }
}

TEST_F(EtcdSnapshotTest, NoByteCanChangeOrBeMissing) {
  const std::string whole = file_of(example());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    EXPECT_FALSE(decode_snapshot(changed)) << "byte " << i;
    EXPECT_FALSE(decode_snapshot(std::string_view(whole).substr(0, i))) << "cut at " << i;
  }
  EXPECT_FALSE(decode_snapshot(whole + "x"));
  EXPECT_TRUE(decode_snapshot(whole));
}

// The checksum is right and the parts are not: written by a program that was wrong.
TEST_F(EtcdSnapshotTest, PartsThatDoNotFitAreRefused) {
  const std::string whole = file_of(example());
  const std::string body = whole.substr(0, whole.size() - 16);
  for (std::size_t i = 30; i < body.size(); i += 8) {
    std::string changed = body;
    changed.replace(i, std::min<std::size_t>(8, changed.size() - i), std::string(8, '\xff'));
    (void)decode_snapshot(seal_snapshot(changed));  // nothing but an answer: no crash, no gigabytes
  }
  EXPECT_FALSE(decode_snapshot(seal_snapshot(body.substr(0, body.size() - 1))));
  EXPECT_FALSE(decode_snapshot(seal_snapshot(body + std::string(8, '\0'))));
}

TEST_F(EtcdSnapshotTest, IsForItsEtcdAndPrefixAlone) {
  ASSERT_TRUE(write_snapshot_file(path_, file_of(example())));
  EXPECT_TRUE(read("/apisix", "http://a:2379"));
  EXPECT_THAT(read("/other").error().what, HasSubstr("prefix /apisix, not /other"));
  EXPECT_THAT(read("/apisix", "http://c:2379").error().what, HasSubstr("no endpoint is the same"));
}

TEST_F(EtcdSnapshotTest, NoFileIsNotFound) {
  EXPECT_EQ(read().error().code, base::ErrorCode::kNotFound);
}

TEST_F(EtcdSnapshotTest, TheFileIsForItsOwnerAndReplacesALinkInsteadOfFollowingIt) {
  const std::string victim = root_ + "/victim";
  std::ofstream(victim) << "precious";
  std::filesystem::create_symlink(victim, path_);
  std::filesystem::create_symlink(victim, path_ + ".new");
  ASSERT_TRUE(write_snapshot_file(path_, file_of(example())));
  struct stat about{};
  ASSERT_EQ(lstat(path_.c_str(), &about), 0);
  EXPECT_TRUE(S_ISREG(about.st_mode));
  EXPECT_EQ(about.st_mode & 07777, 0600U);
  std::string text;
  std::ifstream(victim) >> text;
  EXPECT_EQ(text, "precious");
  EXPECT_TRUE(read());
}

TEST_F(EtcdSnapshotTest, AFolderThatCannotBeWrittenIsAnError) {
  EXPECT_FALSE(write_snapshot_file(root_ + "/missing/etcd-snapshot", "x"));
}

}  // namespace
}  // namespace apisix::store
