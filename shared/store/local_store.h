// LocalStore: the embedded store, one LMDB file that all processes of a machine share. Each opens its own
// LocalStore after fork(); owned by the process, used on its loop's thread.
//
//   get, list       read the file on the loop: a memory map, no lock, no system call
//   txn, leases     -> StoreWriter's thread -> commit -> eventfd -> the waiting Task
//   any commit      -> ChangeNotice of every process -> the log -> watches
//
// A write with a reply is durable. One whose Task was destroyed before the reply may still happen.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/event/io_watch.h"
#include "shared/event/loop.h"
#include "shared/store/local_store_options.h"
#include "shared/store/store.h"
#include "shared/store/watch_list.h"

namespace apisix::store {

class ChangeNotice;
class LmdbFile;
class StoreFd;
class StoreWriter;
struct LogPage;

class LocalStore final : public Store {
 public:
  // Makes the store when it is not there. It may wait for the disk: call it before Ready, after fork(), and
  // as root or as options.owner. Errors name the file and what is wrong with it: no permission, damaged,
  // another format, no space, open already in this process.
  static base::Result<std::unique_ptr<LocalStore>> open(event::Loop& loop, const LocalStoreOptions& options);
  // For the master, before it starts processes: makes, checks and mends the file as options.opening says, and
  // leaves it closed. What was repaired, as text, a line each. Call it in a process of its own, as the user
  // that the workers will be: the file is theirs, and is not to be trusted by root.
  static base::Result<std::vector<std::string>> prepare(const LocalStoreOptions& options);
  // For the command line, without a loop: what is under `prefix`. Makes nothing; kNotFound when there is no
  // store. Other processes may have it open, this one may not.
  static base::Result<ListReply> read_once(const std::string& path, const std::string& prefix);

  // Waits for the commit under way. Tasks still waiting end with kClosed. Not from a watch's callback.
  ~LocalStore() override;

  async::Task<base::Result<Item>> get(std::string key) override;
  async::Task<base::Result<ListReply>> list(std::string prefix) override;
  // Refused: a key of more than kKeyBytesMax, a value or transaction that is too large (kTooLarge), a key
  // written twice (kInvalid), a lease that does not exist (kNotFound). kIo when the disk is full: nothing is
  // stored, and the store stays usable. Deleting what is not there makes no revision.
  async::Task<base::Result<TxnReply>> txn(Txn txn) override;
  async::Task<base::Result<LeaseId>> grant_lease(std::int64_t ttl_seconds) override;
  async::Task<base::Result<std::int64_t>> keep_lease_alive(LeaseId lease) override;
  // on_lost (kClosed) when `from_revision` is no longer in the log or the store has not come so far.
  std::unique_ptr<Watch> watch(std::string prefix, Revision from_revision, WatchCallbacks callbacks) override;
  std::string_view provider() const override { return "local"; }
  // Not connected: the file was deleted, replaced or cut short while it was open. It is looked at every
  // second and at every write.
  StoreHealth health() const override { return health_; }
  void on_health(std::function<void(const StoreHealth&)> callback) override;

  // Made with the store's file: identifies the store.
  const std::string& uuid() const;

 private:
  struct Parts;
  LocalStore(event::Loop& loop, std::unique_ptr<Parts> parts);

  void on_wake();
  void on_lease_timer();
  void wake();
  void complete_writes();
  // Reads the log and calls the watches back; again in the next turn when there is more than a turn's worth.
  void poll();
  void plan_expiry(std::optional<std::uint64_t> next_expiry_ms);
  base::Result<LogPage> read_log(Revision from);
  void note_health(const base::Status& status);

  event::Loop& loop_;
  std::unique_ptr<Parts> parts_;
  event::IoWatch wake_watch_;
  event::Timer lease_timer_;
  WatchList watches_;
  std::optional<std::uint64_t> planned_expiry_ms_;  // what lease_timer_ is set for
  bool expiring_ = false;                           // asked the writer to end leases
  std::string last_trouble_;                        // logged once
  StoreHealth health_;
  std::function<void(const StoreHealth&)> on_health_;
};

}  // namespace apisix::store
