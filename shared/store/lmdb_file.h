// LmdbFile: the local store's file, without threads or a loop: revisions, the log of events, leases, all in
// one LMDB transaction, so that a crash leaves each of the store's transactions whole or absent.
// Owned by LocalStore, which reads on the loop's thread and commits on its writer's; the command line and
// tests use it alone.
//
// Tables: meta (format, uuid, state), kv (key -> item), log ((revision, index) -> event),
//         lease (id -> expiry), lease_due ((expiry, id) -> ""), lease_keys (id -> each key).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/base/result.h"
#include "shared/store/lmdb_env.h"
#include "shared/store/local_store_options.h"
#include "shared/store/record.h"
#include "shared/store/store.h"
#include "shared/store/store_dir.h"

namespace apisix::store {

inline constexpr std::size_t kKeyBytesMax = 511;  // LMDB's
inline constexpr std::size_t kValueBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kTxnBytesMax = std::size_t{64} << 20;
inline constexpr std::int64_t kLeaseTtlMaxSeconds = 9'000'000'000;  // etcd's

// What can be asked of commit(). Txn is the Store's.
struct GrantLease {
  std::int64_t ttl_seconds = 0;
};
struct KeepLease {
  LeaseId id = 0;
};
// Ends the leases that are due: each deletes its keys at one revision.
struct ExpireLeases {};
using WriteRequest = std::variant<Txn, GrantLease, KeepLease, ExpireLeases>;

struct LeaseReply {
  LeaseId id = 0;
  std::int64_t ttl_seconds = 0;
};
struct ExpireReply {
  std::size_t expired = 0;
};
using WriteReply = std::variant<TxnReply, LeaseReply, ExpireReply>;

struct CommitReply {
  std::vector<base::Result<WriteReply>> replies;  // one for each request
  bool changed = false;                           // something was written
};

// Some of the log, from a revision on.
struct LogPage {
  std::vector<EventBatch> batches;  // whole revisions
  StoreState state;
  bool more = false;                            // the page ends before state.revision
  std::optional<std::uint64_t> next_expiry_ms;  // wall clock, of the lease that ends first
};

struct StoreFaults;

struct LmdbTables {
  LmdbTable meta = 0;
  LmdbTable kv = 0;
  LmdbTable log = 0;
  LmdbTable lease = 0;
  LmdbTable lease_due = 0;
  LmdbTable lease_keys = 0;
};

class LmdbFile {
 public:
  // In meta.
  static constexpr std::string_view kFormatName = "format";
  static constexpr std::string_view kUuidName = "uuid";
  static constexpr std::string_view kStateName = "state";

  // See Opening. Call it after fork(), once per process and file. May wait for the disk. Errors name the
  // file: no permission, damaged, another format or file, no space, open already.
  static base::Result<std::unique_ptr<LmdbFile>> open(const LocalStoreOptions& options);
  // Changes nothing and makes nothing; kNotFound when there is no store.
  static base::Result<std::unique_ptr<LmdbFile>> open_read_only(const std::string& path);

  // The reading thread's.
  base::Result<Item> get(const std::string& key);
  base::Result<ListReply> list(const std::string& prefix);
  // Batches from `from` (or the log's floor) on, until one of the bounds is passed.
  base::Result<LogPage> read_log(Revision from, std::size_t revisions_max, std::size_t bytes_max);

  // The writing thread's. Every request keeps its own revision, compare and reply; all are durable when it
  // returns, and every process that has the store open was notified. A request that fails changes nothing and
  // does not touch the others.
  CommitReply commit(std::span<const WriteRequest> requests, std::uint64_t now_ms);
  void clear_dead_readers() { env_->clear_dead_readers(); }
  // Fails when the path leads to another file, or to none.
  base::Status check_place() const { return env_->check_place(); }

  // Made with the store: identifies the store.
  const std::string& uuid() const { return uuid_; }
  const std::string& path() const { return options_.path; }
  StoreFormat format() const { return format_; }
  // What was repaired when it was opened, as text, a line each.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  LmdbFile(LocalStoreOptions options, StoreFd notice, std::unique_ptr<LmdbEnv> env)
      : options_(std::move(options)), notice_(std::move(notice)), env_(std::move(env)) {}
  base::Status open_tables();
  base::Status lengthen();
  base::Status read_meta();
  base::Status mend(const StoreFaults& faults);
  base::Status add_checksums();
  base::Result<CommitReply> commit_once(std::span<const WriteRequest> requests, std::uint64_t now_ms);
  std::unexpected<base::Error> damaged(std::string_view where) const;
  std::unexpected<base::Error> mismatch(std::string_view where) const;

  LocalStoreOptions options_;
  StoreFd notice_;
  std::unique_ptr<LmdbEnv> env_;
  LmdbTables tables_;
  std::string uuid_;
  StoreFormat format_ = StoreFormat::kWithChecksums;
  std::vector<std::string> notes_;
};

}  // namespace apisix::store
