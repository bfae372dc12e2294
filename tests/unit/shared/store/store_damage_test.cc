// A damaged store file, byte by byte: it is refused, or it says exactly what it said before; never a crash,
// never another value.
#include <cstring>
#include <fstream>
#include <random>

#include <gmock/gmock.h>

#include "shared/store/lmdb_check.h"
#include "shared/store/lmdb_file.h"
#include "shared/store/lmdb_pages.h"
#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::size_t kPageBytes = 4096;
constexpr int kServedPerWrite = 4;  // a write waits for the disk
constexpr std::size_t kMapBytesHere = std::size_t{8} << 20;

base::Result<WriteReply> ask(LmdbFile& file, WriteRequest request) {
  return file.commit({&request, 1}, 1).replies.at(0);
}

std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Content {
  Revision revision = 0;
  std::vector<std::tuple<std::string, std::string, Revision, Revision, std::int64_t, LeaseId>> items;
  bool operator==(const Content&) const = default;
};

Content content_of(LmdbFile& file) {
  const auto list = file.list("");
  EXPECT_TRUE(list) << list.error().what;
  Content out;
  if (!list) return out;
  out.revision = list->revision;
  for (const Item& item : list->items) {
    out.items.emplace_back(item.key, item.value, item.create_revision, item.mod_revision, item.version,
                           item.lease);
  }
  return out;
}

class StoreDamage : public StoreTest {
 protected:
  StoreDamage() { options_.map_bytes = kMapBytesHere; }

  // Small and large values, several levels of pages, deletes (free pages), leases.
  void make() {
    auto file = LmdbFile::open(options_);
    ASSERT_TRUE(file) << file.error().what;
    std::vector<WriteRequest> puts, removes;
    for (int i = 0; i < 60; ++i) {
      const std::string key = "/apisix/routes/" + std::to_string(i);
      puts.emplace_back(put(key, std::string(i % 7 == 0 ? 6000 : 300, static_cast<char>('a' + i % 26))));
      if (i % 5 == 0) removes.emplace_back(remove(key));
    }
    for (const auto* each : {&puts, &removes}) ASSERT_TRUE((*file)->commit(*each, 1).changed);
    for (int i = 0; i < 3; ++i) {
      const auto lease = ask(**file, GrantLease{1000 + i});
      ASSERT_TRUE(lease);
      for (int k = 0; k <= i; ++k) {
        const std::string key = "/apisix/data_plane/" + std::to_string(10 * i + k);
        ASSERT_TRUE(ask(**file, put(key, "up", std::get<LeaseReply>(*lease).id)));
      }
    }
    good_ = content_of(**file);
    file->reset();
    bytes_ = read_whole(options_.path);
  }

  void write(const std::string& bytes) {
    std::filesystem::remove(options_.path + "-lock");
    std::ofstream(options_.path, std::ios::binary | std::ios::trunc) << bytes;
  }

  // "refused", or "served" when everything that it holds is right; else a failure of the test.
  std::string outcome(const std::string& bytes) {
    write(bytes);
    auto file = LmdbFile::open(options_);
    if (!file) {
      EXPECT_THAT(file.error().what, HasSubstr(options_.path));
      return "refused";
    }
    EXPECT_EQ(content_of(**file), good_);
    const auto page = (*file)->read_log(0, 10'000, std::size_t{1} << 30);
    EXPECT_TRUE(page) << page.error().what;
    if (++served_ % kServedPerWrite != 0) return "served";
    // It goes on, and stays whole.
    EXPECT_TRUE(ask(**file, put("/apisix/routes/new", std::string(5000, 'n'))));
    EXPECT_TRUE(ask(**file, remove("/apisix/routes/1")));
    file->reset();
    const auto after = check_store(options_.path);
    EXPECT_TRUE(after && after->none()) << (after ? "faults" : after.error().what);
    return "served";
  }

  // Writes past everything that keeps records right.
  template <typename Change>
  void change_raw(Change change) {
    auto env = LmdbEnv::open({.path = options_.path, .map_bytes = kMapBytesHere});
    ASSERT_TRUE(env);
    auto txn = (*env)->begin_write();
    ASSERT_TRUE(txn);
    change(*txn);
    const auto meta = txn->open_table("meta");
    const auto state = decode_state(*txn->find(*meta, LmdbFile::kStateName), StoreFormat::kWithChecksums);
    ASSERT_TRUE(state);
    StoreState now = *state;
    now.txn_id = txn->id();
    txn->put(*meta, LmdbFile::kStateName, encode_state(now, StoreFormat::kWithChecksums));
    ASSERT_EQ(txn->commit(), 0);
  }
  void damage_value(const std::string& key) {
    change_raw([&key](LmdbTxn& txn) {
      const auto kv = txn.open_table("kv");
      std::string value(*txn.find(*kv, key));
      value.back() ^= 1;
      txn.put(*kv, key, value);
    });
  }
  base::Error refused(Opening opening = Opening::kFirst) {
    options_.opening = opening;
    const auto file = LmdbFile::open(options_);
    EXPECT_FALSE(file);
    return file ? base::Error{} : file.error();
  }

  int served_ = 0;
  Content good_;
  std::string bytes_;
};

TEST_F(StoreDamage, AWholeStoreIsServed) {
  make();
  EXPECT_EQ(outcome(bytes_), "served");
}

TEST_F(StoreDamage, OneByteAnywhereIsRefusedOrHarmless) {
  make();
  std::mt19937 random(7);
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < 160; ++i) positions.push_back(i);               // the first meta page
  for (std::size_t i = 0; i < 160; ++i) positions.push_back(kPageBytes + i);  // the second
  for (std::size_t page = 2; page < bytes_.size() / kPageBytes; ++page) {
    for (const std::size_t at : {0, 8, 10, 12, 14, 16, 18}) positions.push_back(page * kPageBytes + at);
  }
  for (int i = 0; i < 400; ++i) positions.push_back(random() % bytes_.size());
  int served = 0;
  for (const std::size_t at : positions) {
    std::string bytes = bytes_;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 + random() % 255));
    served += outcome(bytes) == "served";
    ASSERT_FALSE(HasFailure()) << "byte " << at;
  }
  EXPECT_GT(served, 0) << "free pages and gaps hold nothing";
  EXPECT_LT(served, static_cast<int>(positions.size()));
}

TEST_F(StoreDamage, ManyBytesAreRefusedOrHarmless) {
  make();
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    std::string bytes = bytes_;
    const int count = round % 2 == 0 ? 10 : 200;
    for (int i = 0; i < count; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    outcome(bytes);
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

TEST_F(StoreDamage, PagesOfNoiseOrOfTheFileItselfAreRefusedOrHarmless) {
  make();
  std::mt19937 random(13);
  const std::size_t pages = bytes_.size() / kPageBytes;
  for (std::size_t page = 0; page < pages; ++page) {
    std::string noise = bytes_;
    for (std::size_t i = 0; i < kPageBytes; ++i) noise[page * kPageBytes + i] = static_cast<char>(random());
    outcome(noise);
    std::string copied = bytes_;  // such as a disk that wrote to the wrong place
    copied.replace(page * kPageBytes, kPageBytes, bytes_, random() % pages * kPageBytes, kPageBytes);
    outcome(copied);
    ASSERT_FALSE(HasFailure()) << "page " << page;
  }
}

TEST_F(StoreDamage, AFileThatWasCutShortIsRefusedOrWhole) {
  make();
  for (std::size_t keep = 0; keep < bytes_.size(); keep += 3 * kPageBytes / 2) {
    outcome(bytes_.substr(0, keep));
    ASSERT_FALSE(HasFailure()) << keep;
  }
}

TEST_F(StoreDamage, ARootThatLeadsToThePastIsRefused) {
  make();
  // LMDB takes the meta page with the higher number: make the newest one look old.
  constexpr std::size_t kTxnIdAt = 144;
  std::uint64_t ids[2];
  for (std::size_t i : {0, 1}) std::memcpy(&ids[i], bytes_.data() + i * kPageBytes + kTxnIdAt, sizeof ids[i]);
  const std::size_t newest = ids[0] > ids[1] ? 0 : 1;
  std::string bytes = bytes_;
  const std::uint64_t old = ids[newest] - 2;
  std::memcpy(bytes.data() + newest * kPageBytes + kTxnIdAt, &old, sizeof old);
  write(bytes);
  EXPECT_THAT(refused().what, HasSubstr("meta pages do not agree"));
}

TEST_F(StoreDamage, ADamagedValueComesBackFromTheLog) {
  make();
  damage_value("/apisix/routes/7");
  damage_value("/apisix/routes/33");
  auto file = LmdbFile::open(options_);
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_EQ(content_of(**file), good_);
  EXPECT_THAT((*file)->notes(),
              ::testing::ElementsAre(HasSubstr("/apisix/routes/33"), HasSubstr("/apisix/routes/7")));
}

TEST_F(StoreDamage, ADamagedValueWithoutACopyIsRefusedByName) {
  make();
  damage_value("/apisix/routes/7");
  change_raw([](LmdbTxn& txn) { txn.clear(*txn.open_table("log")); });
  EXPECT_THAT(refused().what,
              AllOf(HasSubstr(options_.path), HasSubstr("checksum mismatch in /apisix/routes/7"),
                    HasSubstr("put a backup of the file in its place")));
}

TEST_F(StoreDamage, WhoJoinsRefusesADamagedValueAndMendsNothing) {
  make();
  damage_value("/apisix/routes/7");
  EXPECT_THAT(refused(Opening::kJoin).what, HasSubstr("checksum mismatch in /apisix/routes/7"));
  const auto faults = check_store(options_.path);
  ASSERT_TRUE(faults);
  EXPECT_THAT(faults->items, ::testing::ElementsAre("/apisix/routes/7"));
}

TEST_F(StoreDamage, AValueUnderAnotherKeyIsNoticed) {
  make();
  change_raw([](LmdbTxn& txn) {
    const auto kv = txn.open_table("kv");
    const std::string value(*txn.find(*kv, "/apisix/routes/7"));
    txn.put(*kv, "/apisix/routes/8", value);
  });
  const auto faults = check_store(options_.path);
  ASSERT_TRUE(faults);
  EXPECT_THAT(faults->items, ::testing::ElementsAre("/apisix/routes/8"));
}

TEST_F(StoreDamage, ADamagedLogLosesItsPastOnly) {
  make();
  change_raw([](LmdbTxn& txn) {
    const auto log = txn.open_table("log");
    const std::string key = encode_pair_key(20, 0);
    std::string value(*txn.find(*log, key));
    value.back() ^= 1;
    txn.put(*log, key, value);
  });
  const auto file = LmdbFile::open(options_);
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_EQ(content_of(**file), good_);
  const auto page = (*file)->read_log(0, 10'000, std::size_t{1} << 30);
  ASSERT_TRUE(page) << page.error().what;
  EXPECT_EQ(page->state.floor, 20);
  EXPECT_EQ(page->batches.front().revision, 21);
  EXPECT_EQ(page->batches.back().revision, good_.revision);
}

TEST_F(StoreDamage, WhileItServesADamagedValueIsAnErrorOfTheStore) {
  make();
  auto file = std::move(LmdbFile::open(options_).value());
  file.reset();
  damage_value("/apisix/routes/7");
  options_.opening = Opening::kJoinChecked;
  file = std::move(LmdbFile::open(options_).value());
  const auto item = file->get("/apisix/routes/7");
  ASSERT_FALSE(item);
  EXPECT_EQ(item.error().code, base::ErrorCode::kIo);
  EXPECT_THAT(item.error().what, HasSubstr("checksum mismatch in the value of /apisix/routes/7"));
  EXPECT_FALSE(file->list("/apisix/routes/"));
  EXPECT_TRUE(file->get("/apisix/routes/8"));
}

TEST_F(StoreDamage, AFileThatIsCutShortWhileItIsOpenIsReadNoMore) {
  make();
  const auto file = std::move(LmdbFile::open(options_).value());
  std::filesystem::resize_file(options_.path, kPageBytes);
  for (const auto& error : {file->get("/apisix/routes/7").error(), ask(*file, put("/a", "1")).error()}) {
    EXPECT_EQ(error.code, base::ErrorCode::kUnavailable);
    EXPECT_THAT(error.what, HasSubstr("cut short while it was open"));
  }
}

TEST_F(StoreDamage, WhoJoinsNeitherMakesAStoreNorTakesAnother) {
  options_.expected = StoreFileId{1, 2};
  EXPECT_EQ(refused(Opening::kJoin).code, base::ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(options_.path));
  options_.expected.reset();
  options_.opening = Opening::kFirst;
  make();
  options_.expected = StoreFileId{1, 2};
  const base::Error other = refused(Opening::kJoinChecked);
  EXPECT_EQ(other.code, base::ErrorCode::kConflict);
  EXPECT_THAT(other.what, HasSubstr("the file was replaced while the gateway runs"));
}

TEST_F(StoreDamage, AReplacedFileTakesNoWritesUntilItIsBack) {
  make();
  const auto file = std::move(LmdbFile::open(options_).value());
  EXPECT_TRUE(file->check_place());
  std::filesystem::rename(options_.path, options_.path + ".kept");
  EXPECT_THAT(file->check_place().error().what, HasSubstr("deleted while it was open"));
  std::ofstream(options_.path) << bytes_;
  EXPECT_THAT(ask(*file, put("/a", "1")).error().what, HasSubstr("replaced while it was open"));
  EXPECT_TRUE(file->get("/apisix/routes/7"));
  std::filesystem::rename(options_.path + ".kept", options_.path);
  EXPECT_TRUE(file->check_place());
  EXPECT_TRUE(ask(*file, put("/a", "1")));
}

// A store of an earlier version.
class OldStore : public StoreDamage {
 protected:
  void make_old() {
    constexpr StoreFormat kOld = StoreFormat::kWithoutChecksums;
    ASSERT_TRUE(std::filesystem::create_directory(root_ + "/data"));
    auto env = LmdbEnv::open({.path = options_.path, .map_bytes = kMapBytesHere});
    ASSERT_TRUE(env);
    auto txn = (*env)->begin_write();
    constexpr unsigned kRepeats = 0x04;  // MDB_DUPSORT
    for (const char* name : {"log", "lease", "lease_due"}) ASSERT_TRUE(txn->open_table(name, 0));
    ASSERT_TRUE(txn->open_table("lease_keys", kRepeats));
    const auto meta = txn->open_table("meta", 0);
    const auto kv = txn->open_table("kv", 0);
    txn->put(*meta, "format", "apisix store 1");
    txn->put(*meta, "uuid", "0123456789abcdef0123456789abcdef");
    txn->put(*meta, "state", encode_state({.revision = 400, .floor = 400}, kOld));
    for (int i = 0; i < 300; ++i) {
      const Item item{.key = "/apisix/routes/" + std::to_string(i),
                      .value = std::string(static_cast<std::size_t>(i) * 20, 'v'),
                      .create_revision = 2 + i,
                      .mod_revision = 3 + i,
                      .version = 2};
      txn->put(*kv, item.key, encode_item(item, kOld));
    }
    ASSERT_EQ(txn->commit(), 0);
  }
};

TEST_F(OldStore, GetsItsChecksumsAtAStart) {
  make_old();
  Content before;
  {
    options_.opening = Opening::kJoin;
    const auto file = LmdbFile::open(options_);
    ASSERT_TRUE(file) << file.error().what;
    EXPECT_EQ((*file)->format(), StoreFormat::kWithoutChecksums);
    before = content_of(**file);
    ASSERT_EQ(before.items.size(), 300U);
  }
  options_.opening = Opening::kFirst;
  for (int tries = 0; tries < 2; ++tries) {
    const auto file = LmdbFile::open(options_);
    ASSERT_TRUE(file) << file.error().what;
    EXPECT_EQ((*file)->format(), StoreFormat::kWithChecksums);
    EXPECT_EQ(content_of(**file), before);
    EXPECT_EQ((*file)->uuid(), "0123456789abcdef0123456789abcdef");
  }
  damage_value("/apisix/routes/7");
  EXPECT_THAT(refused().what, HasSubstr("checksum mismatch in /apisix/routes/7"));
}

TEST_F(OldStore, IsWrittenAsItIsWhileOthersServeFromIt) {
  make_old();
  options_.opening = Opening::kJoin;
  {
    const auto file = std::move(LmdbFile::open(options_).value());
    ASSERT_TRUE(ask(*file, put("/apisix/routes/new", "1")));
    EXPECT_EQ(file->get("/apisix/routes/new")->value, "1");
  }
  const auto faults = check_store(options_.path);
  EXPECT_TRUE(faults && faults->none());
}

}  // namespace
}  // namespace apisix::store
