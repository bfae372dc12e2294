// Random requests against the local store's file and against a few maps that say what it must hold.
#include <map>
#include <random>
#include <set>

#include "shared/store/lmdb_file.h"
#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::store {
namespace {

constexpr Revision kLogRevisions = 64;

class Model {
 public:
  // The revision after it; nothing when it must be refused.
  std::optional<Revision> apply(const Txn& txn, std::uint64_t now_ms) {
    for (const Write& write : txn.writes) {
      const Put* put = std::get_if<Put>(&write);
      if (put != nullptr && put->lease != 0 &&
          !(leases_.contains(put->lease) && leases_[put->lease] > now_ms))
        return std::nullopt;
    }
    bool changed = false;
    for (const Write& write : txn.writes)
      changed |= std::visit([this](const auto& w) { return run(w); }, write);
    revision_ += changed ? 1 : 0;
    return revision_;
  }
  void grant(LeaseId id, std::uint64_t expiry_ms) { leases_[id] = expiry_ms; }
  void expire(std::uint64_t now_ms) {
    std::set<std::pair<std::uint64_t, LeaseId>> due;
    for (const auto& [id, expiry_ms] : leases_) {
      if (expiry_ms <= now_ms) due.emplace(expiry_ms, id);
    }
    for (const auto& [expiry_ms, id] : due) {
      revision_ +=
          std::erase_if(items_, [id](const auto& each) { return each.second.lease == id; }) > 0 ? 1 : 0;
      leases_.erase(id);
    }
  }
  const std::map<std::string, Item>& items() const { return items_; }
  Revision revision() const { return revision_; }
  std::vector<LeaseId> leases() const {
    std::vector<LeaseId> ids{0};
    for (const auto& [id, expiry_ms] : leases_) ids.push_back(id);
    return ids;
  }

 private:
  bool run(const Put& put) {
    Item& item = items_[put.key];
    if (item.version == 0) item.create_revision = revision_ + 1;
    item.key = put.key;
    item.value = put.value;
    item.mod_revision = revision_ + 1;
    item.version += 1;
    item.lease = put.lease;
    return true;
  }
  bool run(const Delete& request) { return items_.erase(request.key) > 0; }

  std::map<std::string, Item> items_;
  std::map<LeaseId, std::uint64_t> leases_;
  Revision revision_ = 1;
};

class StoreModel : public StoreTest {
 protected:
  // Keys of all lengths, so that the tables split and merge their pages.
  std::string random_key() {
    return "/" + std::string(random_() % 400, 'k') + std::to_string(random_() % 40);
  }
  std::string random_value() {
    const std::size_t large = random_() % 10 == 0 ? 20'000 : 300;
    return std::string(random_() % large, static_cast<char>('a' + random_() % 26));
  }
  Txn random_txn(const Model& model) {
    const auto leases = model.leases();
    Txn txn;
    std::set<std::string> keys;
    for (std::size_t i = 0; i < 1 + random_() % 4; ++i) {
      const bool removes = random_() % 5 < 2 && !model.items().empty();
      std::string key =
          removes
              ? std::next(model.items().begin(), static_cast<long>(random_() % model.items().size()))->first
              : random_key();
      if (!keys.insert(key).second) continue;
      if (removes)
        txn.writes.emplace_back(Delete{std::move(key)});
      else
        txn.writes.emplace_back(Put{std::move(key), random_value(), leases[random_() % leases.size()]});
    }
    return txn;
  }
  void expect_equal(LmdbFile& file, const Model& model) {
    const auto reply = file.list("");
    ASSERT_TRUE(reply) << reply.error().what;
    ASSERT_EQ(reply->revision, model.revision());
    ASSERT_EQ(reply->items.size(), model.items().size());
    auto expected = model.items().begin();
    for (const Item& item : reply->items) {
      const Item& want = (expected++)->second;
      ASSERT_EQ(item.key, want.key);
      ASSERT_TRUE(item.value == want.value && item.lease == want.lease && item.version == want.version &&
                  item.create_revision == want.create_revision && item.mod_revision == want.mod_revision)
          << item.key;
    }
  }
  // A reader of the log has what the store has.
  void follow(LmdbFile& file, std::map<std::string, std::string>& follower, Revision& seen) {
    const LogPage page = file.read_log(seen + 1, 1000, 1 << 30).value();
    ASSERT_LE(page.state.floor, seen);
    for (const EventBatch& batch : page.batches) {
      ASSERT_EQ(batch.revision, ++seen);
      for (const Event& event : batch.events) {
        if (event.type == Event::Type::kPut) follower[event.item.key] = event.item.value;
        if (event.type == Event::Type::kDelete) ASSERT_EQ(follower.erase(event.item.key), 1U);
      }
    }
    std::map<std::string, std::string> all;
    for (const Item& item : file.list("")->items) all[item.key] = item.value;
    ASSERT_TRUE(follower == all);
  }

  std::mt19937 random_{4711};
};

TEST_F(StoreModel, AgreesOverRandomRequests) {
  options_.log_revisions_max = kLogRevisions;
  auto opened = LmdbFile::open(options_);
  ASSERT_TRUE(opened);
  std::unique_ptr<LmdbFile> file = std::move(*opened);
  Model model;
  std::map<std::string, std::string> follower;
  Revision seen = 1;
  std::uint64_t now_ms = 1'000;
  for (int round = 0; round < 300; ++round) {
    now_ms += random_() % 1'000;
    std::vector<WriteRequest> requests{ExpireLeases{}};
    model.expire(now_ms);
    std::vector<std::optional<Revision>> revisions{model.revision()};
    for (std::size_t i = 0; i < random_() % 12; ++i) {
      Txn txn = random_txn(model);
      revisions.push_back(model.apply(txn, now_ms));
      requests.emplace_back(std::move(txn));
    }
    const auto ttl = static_cast<std::int64_t>(1 + random_() % 8);
    requests.emplace_back(GrantLease{ttl});
    const CommitReply reply = file->commit(requests, now_ms);
    for (std::size_t i = 1; i < revisions.size(); ++i) {
      ASSERT_EQ(reply.replies[i].has_value(), revisions[i].has_value());
      if (revisions[i]) ASSERT_EQ(std::get<TxnReply>(*reply.replies[i]).revision, *revisions[i]);
    }
    model.grant(std::get<LeaseReply>(*reply.replies.back()).id,
                now_ms + static_cast<std::uint64_t>(ttl) * 1000);
    expect_equal(*file, model);
    follow(*file, follower, seen);
    if (HasFatalFailure()) return;
    if (round % 50 == 49) {
      file.reset();
      file = std::move(LmdbFile::open(options_).value());
    }
  }
  EXPECT_GT(model.revision(), 500);
}

}  // namespace
}  // namespace apisix::store
