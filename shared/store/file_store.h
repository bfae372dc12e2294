// FileStore: the configuration from conf/apisix.yaml or apisix.json, read only. Each worker has its own;
// owned by the process, used on its loop's thread.
//
//   idle --news--> settling (a file may be half written) --> reading (a thread: parsing takes long) --> idle
//
// What cannot be read or parsed changes nothing: the last good reading stays in force, also in workers that
// are started meanwhile, and the log says why.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "shared/async/scope.h"
#include "shared/event/loop.h"
#include "shared/event/timer_wheel.h"
#include "shared/store/file_snapshot.h"
#include "shared/store/file_table.h"
#include "shared/store/file_watch.h"
#include "shared/store/store.h"
#include "shared/store/watch_list.h"

namespace apisix::store {

class FileStore final : public Store {
 public:
  // Reads the file: call it before Ready. One that is not there or is faulty gives the last good reading of
  // any worker, or an empty store, and a line in the log; it is read as soon as it changes.
  FileStore(event::Loop& loop, FileStoreOptions options);
  // For the command line: what is under `prefix`. Errors as read_snapshot()'s.
  static base::Result<ListReply> read_once(const FileStoreOptions& options, const std::string& prefix);

  // Waits for the reading under way.
  ~FileStore() override;

  async::Task<base::Result<Item>> get(std::string key) override;
  async::Task<base::Result<ListReply>> list(std::string prefix) override;
  // Writes and leases: kInvalid, the file is edited by who wrote it.
  async::Task<base::Result<TxnReply>> txn(Txn txn) override;
  async::Task<base::Result<LeaseId>> grant_lease(std::int64_t ttl_seconds) override;
  async::Task<base::Result<std::int64_t>> keep_lease_alive(LeaseId lease) override;
  // on_lost for revisions before now: list again.
  std::unique_ptr<Watch> watch(std::string prefix, Revision from_revision, WatchCallbacks callbacks) override;
  bool has_configuration() const override { return was_read_; }
  std::string_view provider() const override;

 private:
  void on_news(FileWatch::News news);
  void on_debounced();
  async::Task<void> read_in_background();
  // What was read, and what it changes.
  struct Reading {
    FileSnapshot snapshot;
    EventBatch batch;
  };
  // On any thread: table_ is not changed while a read is in flight.
  base::Result<Reading> read(base::Result<FileSnapshot> snapshot) const;
  void read_first();
  void apply(base::Result<Reading> reading);
  void complain(const std::string& trouble);

  event::Loop& loop_;
  const FileStoreOptions options_;
  FileTable table_;
  WatchList watches_;

  std::optional<FileIdentity> tried_;     // the last that was read, well or not
  std::optional<FileIdentity> settling_;  // seen, and read when it is still the same a moment later
  std::size_t text_hash_ = 0;
  bool was_read_ = false;
  bool reading_ = false;
  bool reads_again_ = false;  // news came while reading
  std::string last_trouble_;  // logged once
  bool cannot_keep_ = false;  // the same

  event::Timer debounce_timer_;
  event::Timer late_timer_;  // the callback of a new watch that comes too late
  std::unique_ptr<FileWatch> file_watch_;
  async::Scope scope_;
};

}  // namespace apisix::store
