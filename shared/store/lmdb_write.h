// LmdbWrite: the requests of one commit, applied one behind the other inside one LMDB transaction. Lives on
// the writer's thread for the length of LmdbFile::commit().
//
// A request that is refused (a bad key, a lost compare, no such lease) is refused before its first write, so
// that the requests around it stand. A failure of LMDB is left in the transaction, whose user drops it whole.
#pragma once

#include "shared/store/lmdb_file.h"

namespace apisix::store {

struct LogBounds {
  Revision revisions_max = 0;
  std::uint64_t bytes_max = 0;
};

class LmdbWrite {
 public:
  LmdbWrite(LmdbTxn& txn, const LmdbTables& tables, const StoreState& state, StoreFormat format,
            LogBounds bounds, std::uint64_t now_ms)
      : txn_(txn), tables_(tables), state_(state), format_(format), bounds_(bounds), now_ms_(now_ms) {}

  base::Result<WriteReply> apply(const WriteRequest& request);
  // Writes the state and trims the log; false when the requests changed nothing.
  bool finish();
  // A record that cannot be read: nothing of this commit may stand.
  bool found_damage() const { return damage_; }

 private:
  base::Result<WriteReply> run(const Txn& txn);
  base::Result<WriteReply> run(const GrantLease& request);
  base::Result<WriteReply> run(const KeepLease& request);
  base::Result<WriteReply> run(const ExpireLeases& request);

  std::optional<Item> find_item(const std::string& key);
  bool holds(const Compare& compare);
  bool holds(const Unchanged& unchanged);
  base::Status check_leases(const Txn& txn);

  void put_item(const Put& put, const std::optional<Item>& previous);
  void delete_item(const Item& item);
  void log_event(const Event& event);
  void begin_revision();
  void end_revision();

  std::optional<LeaseRecord> find_lease(LeaseId id);
  void write_lease(LeaseId id, const LeaseRecord& lease);
  void expire_lease(LeaseId id, std::uint64_t expiry_ms);
  std::vector<std::string> keys_of_lease(LeaseId id);

  void trim_log();

  LmdbTxn& txn_;
  const LmdbTables& tables_;
  StoreState state_;
  StoreFormat format_;
  LogBounds bounds_;
  std::uint64_t now_ms_;
  Revision writing_ = 0;           // the revision that the events get
  std::uint64_t event_index_ = 0;  // of the next event in it
  bool changed_ = false;
  bool damage_ = false;
};

}  // namespace apisix::store
