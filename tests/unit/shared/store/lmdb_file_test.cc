// The semantics of the local store's file, with the time given by hand.
#include "shared/store/lmdb_file.h"

#include <gmock/gmock.h>

#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LmdbFileTest : public StoreTest {
 protected:
  void SetUp() override { open(); }
  void open() {
    file_.reset();
    auto file = LmdbFile::open(options_);
    ASSERT_TRUE(file) << file.error().what;
    file_ = std::move(*file);
  }
  base::Result<WriteReply> ask(WriteRequest request) {
    const CommitReply reply = file_->commit({&request, 1}, now_ms_);
    return reply.replies.at(0);
  }
  TxnReply commit(Txn txn) {
    auto reply = ask(std::move(txn));
    EXPECT_TRUE(reply) << reply.error().what;
    return reply ? std::get<TxnReply>(*reply) : TxnReply{};
  }
  base::Error refused(WriteRequest request) {
    const auto before = read_log(0).state;
    auto reply = ask(std::move(request));
    EXPECT_FALSE(reply);
    EXPECT_EQ(read_log(0).state.revision, before.revision);
    return reply ? base::Error{} : reply.error();
  }
  LeaseId grant(std::int64_t ttl_seconds) {
    return std::get<LeaseReply>(ask(GrantLease{ttl_seconds}).value()).id;
  }
  std::size_t expire() { return std::get<ExpireReply>(ask(ExpireLeases{}).value()).expired; }
  LogPage read_log(Revision from, std::size_t revisions = 1000, std::size_t bytes = 1 << 20) {
    return file_->read_log(from, revisions, bytes).value();
  }
  std::vector<std::string> keys(const std::string& prefix) {
    std::vector<std::string> names;
    for (const Item& item : file_->list(prefix)->items) names.push_back(item.key);
    return names;
  }

  std::uint64_t now_ms_ = 1'000'000;
  std::unique_ptr<LmdbFile> file_;
};

TEST_F(LmdbFileTest, ADeletedKeyBeginsAnew) {
  commit(put("/k", "a"));
  commit(put("/k", "b"));
  const TxnReply deleted = commit(remove("/k"));
  EXPECT_EQ(deleted.revision, 4);
  EXPECT_EQ(deleted.previous.at(0).value, "b");
  EXPECT_EQ(deleted.previous.at(0).mod_revision, 3);
  commit(put("/k", "c"));
  const Item item = file_->get("/k").value();
  EXPECT_EQ(item.create_revision, 5);
  EXPECT_EQ(item.mod_revision, 5);
  EXPECT_EQ(item.version, 1);
}

TEST_F(LmdbFileTest, DeletingNothingMakesNoRevision) {
  const TxnReply reply = commit(remove("/none"));
  EXPECT_TRUE(reply.succeeded);
  EXPECT_EQ(reply.revision, 1);
  EXPECT_EQ(reply.previous.at(0).mod_revision, 0);
  EXPECT_FALSE(file_->commit(std::vector<WriteRequest>{remove("/none")}, now_ms_).changed);
}

TEST_F(LmdbFileTest, ComparesModAndCreateRevisions) {
  commit(put("/k", "a"));
  commit(put("/k", "b"));
  Txn txn = put("/k", "c");
  txn.compares.push_back({Compare::Target::kCreateRevision, "/k", 2});
  txn.compares.push_back({Compare::Target::kModRevision, "/k", 3});
  txn.compares.push_back({Compare::Target::kModRevision, "/other", 0});
  EXPECT_TRUE(commit(txn).succeeded);
  const TxnReply again = commit(txn);
  EXPECT_FALSE(again.succeeded) << "/k is at 4 now";
  EXPECT_TRUE(again.previous.empty());
}

TEST_F(LmdbFileTest, ATransactionIsAllOrNothing) {
  commit(put("/a", "1"));
  Txn txn = put("/b", "2");
  txn.writes.emplace_back(Delete{"/a"});
  txn.compares.push_back({Compare::Target::kModRevision, "/a", 99});
  EXPECT_FALSE(commit(txn).succeeded);
  EXPECT_THAT(keys("/"), ElementsAre("/a"));
  txn.compares.clear();
  EXPECT_EQ(commit(txn).revision, 3);
  EXPECT_THAT(keys("/"), ElementsAre("/b"));
  const LogPage page = read_log(3);
  ASSERT_EQ(page.batches.size(), 1U);
  EXPECT_EQ(page.batches[0].events.size(), 2U);
}

TEST_F(LmdbFileTest, InAGroupEachRequestStandsForItself) {
  const CommitReply reply =
      file_->commit(std::vector<WriteRequest>{put("/k", "1"), put_if("/k", "2", 0), put("", "no key"),
                                              put("/l", "x", 4711), put_if("/k", "3", 2)},
                    now_ms_);
  ASSERT_EQ(reply.replies.size(), 5U);
  EXPECT_EQ(std::get<TxnReply>(*reply.replies[0]).revision, 2);
  EXPECT_FALSE(std::get<TxnReply>(*reply.replies[1]).succeeded);
  EXPECT_EQ(reply.replies[2].error().code, base::ErrorCode::kInvalid);
  EXPECT_EQ(reply.replies[3].error().code, base::ErrorCode::kNotFound);
  EXPECT_EQ(std::get<TxnReply>(*reply.replies[4]).revision, 3);
  EXPECT_EQ(file_->get("/k")->value, "3");
  EXPECT_THAT(keys(""), ElementsAre("/k"));
}

TEST_F(LmdbFileTest, RefusesWhatItCannotStore) {
  EXPECT_THAT(refused(put(std::string(512, 'k'), "v")).what, HasSubstr("1 to 511 bytes"));
  EXPECT_EQ(refused(put("/big", std::string(kValueBytesMax + 1, 'v'))).code, base::ErrorCode::kTooLarge);
  Txn sum;
  for (int i = 0; i < 5; ++i)
    sum.writes.emplace_back(Put{"/big" + std::to_string(i), std::string(kValueBytesMax, 'v')});
  EXPECT_EQ(refused(sum).code, base::ErrorCode::kTooLarge);
  Txn twice = put("/k", "1");
  twice.writes.emplace_back(Delete{"/k"});
  EXPECT_THAT(refused(twice).what, HasSubstr("writes the key /k twice"));
  EXPECT_EQ(refused(GrantLease{0}).code, base::ErrorCode::kInvalid);
  EXPECT_EQ(refused(GrantLease{kLeaseTtlMaxSeconds + 1}).code, base::ErrorCode::kInvalid);
}

TEST_F(LmdbFileTest, KeepsAnyBytes) {
  const std::string key(511, '\xff');
  const std::string value("\0\n\xfe", 3);
  commit(put(key, value));
  commit(put("/empty", ""));
  open();
  EXPECT_EQ(file_->get(key)->value, value);
  EXPECT_EQ(file_->get("/empty")->value, "");
  EXPECT_THAT(keys("\xff"), ElementsAre(key));
  EXPECT_EQ(read_log(2).batches.at(0).events.at(0).item.value, value);
}

TEST_F(LmdbFileTest, ListsAPrefixInTheOrderOfKeys) {
  for (const char* key : {"/r/2", "/s/1", "/r/10", "/r/1", "/q/9", "/r"}) commit(put(key, "v"));
  EXPECT_THAT(keys("/r/"), ElementsAre("/r/1", "/r/10", "/r/2"));
  EXPECT_THAT(keys("/r"), ElementsAre("/r", "/r/1", "/r/10", "/r/2"));
  EXPECT_EQ(keys("").size(), 6U);
  EXPECT_TRUE(keys("/t").empty());
  EXPECT_EQ(file_->list("/q")->revision, 7);
}

TEST_F(LmdbFileTest, ReadsTheLogInWholeRevisions) {
  Txn three = put("/a", "1");
  three.writes.emplace_back(Put{"/b", "2"});
  three.writes.emplace_back(Put{"/c", "3"});
  for (int i = 0; i < 10; ++i) commit(three);
  const LogPage two = read_log(4, 2);
  ASSERT_EQ(two.batches.size(), 2U);
  EXPECT_TRUE(two.more);
  EXPECT_EQ(two.batches[0].revision, 4);
  EXPECT_EQ(two.batches[1].events.size(), 3U);
  const LogPage by_bytes = read_log(2, 1000, 1);
  ASSERT_EQ(by_bytes.batches.size(), 1U) << "one at least, for progress";
  EXPECT_EQ(by_bytes.batches[0].events.size(), 3U);
  const LogPage rest = read_log(10);
  EXPECT_EQ(rest.batches.size(), 2U);
  EXPECT_FALSE(rest.more);
  EXPECT_TRUE(read_log(12).batches.empty());
}

TEST_F(LmdbFileTest, TheLogIsBoundedByRevisions) {
  options_.log_revisions_max = 16;
  open();
  for (int i = 0; i < 60; ++i) {
    commit(put("/k/" + std::to_string(i % 7), "v"));
    const StoreState state = read_log(0).state;
    ASSERT_LE(state.revision - state.floor, 17) << "16 and a sixteenth";
  }
  const LogPage page = read_log(0);
  EXPECT_EQ(page.batches.front().revision, page.state.floor + 1);
  EXPECT_EQ(page.batches.back().revision, 61);
  EXPECT_EQ(keys("/k/").size(), 7U);
}

TEST_F(LmdbFileTest, AConditionOlderThanTheLogDoesNotHold) {
  options_.log_revisions_max = 16;
  open();
  for (int i = 0; i < 20; ++i) commit(put("/a/k", "v"));
  const StoreState state = read_log(0).state;
  const auto holds = [this](Revision since) {
    Txn txn = put("/own", "v");
    txn.unchanged.push_back({"/b/", since});
    return commit(txn).succeeded;
  };
  EXPECT_FALSE(holds(state.floor - 1));
  EXPECT_TRUE(holds(state.floor));
  EXPECT_FALSE(holds(state.revision + 2)) << "one that is yet to come";
}

TEST_F(LmdbFileTest, TheLogIsBoundedByBytesButKeepsTheNewest) {
  options_.log_bytes_max = 64 << 10;
  open();
  for (int i = 0; i < 50; ++i) commit(put("/k", std::string(10'000, 'v')));
  const LogPage page = read_log(0);
  EXPECT_LE(page.state.log_bytes, 70'000U);
  EXPECT_GE(page.batches.size(), 5U);
  commit(put("/large", std::string(500'000, 'v')));
  EXPECT_EQ(read_log(0).batches.size(), 1U);
  EXPECT_EQ(read_log(0).batches.back().revision, 52);
  open();
  EXPECT_EQ(read_log(0).state.floor, 51);
}

TEST_F(LmdbFileTest, ALeaseEndsWhenItIsDue) {
  const LeaseId lease = grant(10);
  EXPECT_EQ(read_log(0).state.revision, 1) << "a lease makes no revision";
  commit(put("/a", "1", lease));
  commit(put("/b", "2", lease));
  now_ms_ += 9'999;
  EXPECT_EQ(expire(), 0U);
  EXPECT_EQ(read_log(0).next_expiry_ms, now_ms_ + 1);
  now_ms_ += 1;
  EXPECT_EQ(refused(put("/c", "3", lease)).code, base::ErrorCode::kNotFound) << "due is as good as gone";
  open();
  EXPECT_EQ(expire(), 1U);
  EXPECT_TRUE(keys("").empty());
  const LogPage page = read_log(4);
  ASSERT_EQ(page.batches.size(), 1U);
  EXPECT_EQ(page.batches[0].events.size(), 2U);
  EXPECT_EQ(page.next_expiry_ms, std::nullopt);
  EXPECT_EQ(expire(), 0U);
}

TEST_F(LmdbFileTest, AKeptLeaseLivesOn) {
  const LeaseId lease = grant(10);
  commit(put("/a", "1", lease));
  for (int i = 0; i < 3; ++i) {
    now_ms_ += 9'000;
    EXPECT_EQ(std::get<LeaseReply>(ask(KeepLease{lease}).value()).ttl_seconds, 10);
    EXPECT_EQ(expire(), 0U);
  }
  EXPECT_EQ(read_log(0).next_expiry_ms, now_ms_ + 10'000);
  now_ms_ += 10'000;
  EXPECT_EQ(refused(KeepLease{lease}).code, base::ErrorCode::kNotFound);
  EXPECT_EQ(expire(), 1U);
  EXPECT_TRUE(keys("").empty());
}

TEST_F(LmdbFileTest, AKeyBelongsToItsLastLease) {
  const LeaseId first = grant(10);
  const LeaseId second = grant(20);
  commit(put("/moved", "1", first));
  commit(put("/moved", "2", second));
  commit(put("/freed", "1", first));
  commit(put("/freed", "2"));
  commit(put("/deleted", "1", first));
  commit(remove("/deleted"));
  commit(put("/deleted", "2"));
  commit(put("/stays", "1", first));
  commit(put("/stays", "2", first));
  now_ms_ += 10'000;
  EXPECT_EQ(expire(), 1U);
  EXPECT_THAT(keys(""), ElementsAre("/deleted", "/freed", "/moved"));
  now_ms_ += 10'000;
  EXPECT_EQ(expire(), 1U);
  EXPECT_THAT(keys(""), ElementsAre("/deleted", "/freed"));
}

TEST_F(LmdbFileTest, ManyLeasesEndOverSeveralCommitsEachAtItsOwnRevision) {
  std::vector<WriteRequest> puts;
  const CommitReply leases = file_->commit(std::vector<WriteRequest>(151, GrantLease{10}), now_ms_);
  for (std::size_t i = 0; i < 150; ++i) {
    puts.emplace_back(put("/k/" + std::to_string(i), "v", std::get<LeaseReply>(*leases.replies[i]).id));
  }
  file_->commit(puts, now_ms_);
  ASSERT_EQ(keys("/k/").size(), 150U);
  now_ms_ += 10'000;
  std::size_t ended = 0;
  while (const std::size_t now = expire()) ended += now;
  EXPECT_EQ(ended, 151U);
  EXPECT_TRUE(keys("").empty());
  EXPECT_EQ(read_log(0).state.revision, 1 + 150 + 150) << "a lease without keys makes no revision";
}

TEST_F(LmdbFileTest, ReadsDoNotSeeAnOpenCommitAndStayUsable) {
  commit(put("/a", "1"));
  auto before = file_->list("");
  commit(put("/a", "2"));
  EXPECT_EQ(before->items.at(0).value, "1");
  EXPECT_EQ(file_->list("")->items.at(0).value, "2");
}

}  // namespace
}  // namespace apisix::store
