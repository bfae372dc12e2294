// Store: a revisioned key-value map with watch, etcd's model. Three providers keep it: etcd_store (gRPC),
// local_store (LMDB), file_store. Ids, createdIndex/modifiedIndex, paging and PATCH races therefore
// behave the same on each.
//
// One Store per process, used from the loop's thread only. Calls that may touch the disk or the network
// are Tasks: they never block the loop. Keys are whole, "/apisix/routes/1".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/result.h"

namespace apisix::store {

using Revision = std::int64_t;  // of the whole store; the first write makes 2, as in etcd
using LeaseId = std::int64_t;   // 0 = none

struct Item {
  std::string key;
  std::string value;
  Revision create_revision = 0;
  Revision mod_revision = 0;
  std::int64_t version = 0;  // writes since creation, 1 for the first
  LeaseId lease = 0;
};

struct ListReply {
  std::vector<Item> items;  // sorted by key
  Revision revision = 0;    // the store's, at which the list is exact
};

// A condition of a transaction on one key.
struct Compare {
  enum class Target : unsigned char { kModRevision, kCreateRevision } target = Target::kModRevision;
  std::string key;
  Revision expected = 0;  // 0 = the key does not exist
};

struct Put {
  std::string key;
  std::string value;
  LeaseId lease = 0;
};

struct Delete {
  std::string key;
};

using Write = std::variant<Put, Delete>;

// A condition of a transaction on all keys that start with `prefix`: none was changed after revision
// `since`. Where TxnLimits::sees_deletes is false a delete is no change. One that cannot be answered (the log
// does not go back so far) does not hold.
struct Unchanged {
  std::string prefix;
  Revision since = 0;
};

// All or nothing: when every condition holds, all writes happen at one new revision.
struct Txn {
  std::vector<Compare> compares;
  std::vector<Write> writes;
  std::vector<Unchanged> unchanged = {};
};

// What one transaction may hold. Larger ones are refused: kTooLarge.
struct TxnLimits {
  std::size_t compares_max = 100'000;  // conditions of both kinds together
  std::size_t writes_max = 100'000;
  std::size_t bytes_max = std::size_t{64} << 20;  // keys and values of all writes together
  bool sees_deletes = true;                       // see Unchanged
};

struct TxnReply {
  bool succeeded = false;      // false: a condition did not hold, nothing was written
  Revision revision = 0;       // of the store after the transaction
  std::vector<Item> previous;  // one for each write: the item before it; mod_revision 0 = there was none
};

struct Event {
  enum class Type : unsigned char { kPut, kDelete } type = Type::kPut;
  Item item;  // kDelete: only key and mod_revision
};

// Everything one revision (one transaction) changed, in order; applied in one turn of the loop.
struct EventBatch {
  Revision revision = 0;
  std::vector<Event> events;
};

struct WatchCallbacks {
  std::function<void(const EventBatch&)> on_batch;
  // The watch cannot go on (compaction, lower revision, another cluster): list again, diff, watch again.
  std::function<void(const base::Error&)> on_lost;
  // There is nothing under the prefix that was not delivered, up to this revision. May be missing.
  std::function<void(Revision)> on_progress = {};
};

// Whether a store that is elsewhere can be reached. What was read from it stays in force meanwhile.
struct StoreHealth {
  bool connected = true;
  std::uint64_t since_ms = 0;  // wall clock, of the last change; 0: it is no store that could be away
  std::string endpoint;        // that replied last
  std::string error;           // why it is not connected
};

// Ends the watch when destroyed; after that no callback runs.
class Watch {
 public:
  virtual ~Watch() = default;
};

class Store {
 public:
  virtual ~Store() = default;

  // Key -> item; kNotFound when there is none.
  virtual async::Task<base::Result<Item>> get(std::string key) = 0;
  // All items whose key starts with `prefix`, at one revision.
  virtual async::Task<base::Result<ListReply>> list(std::string prefix) = 0;
  // On success the writes are durable: they survive kill -9 and power loss.
  virtual async::Task<base::Result<TxnReply>> txn(Txn txn) = 0;
  virtual TxnLimits txn_limits() const { return {}; }
  // A lease that deletes its keys after `ttl_seconds` unless it is kept alive. Granting makes no revision.
  virtual async::Task<base::Result<LeaseId>> grant_lease(std::int64_t ttl_seconds) = 0;
  // Starts the lease's time anew; its ttl in seconds, or kNotFound once it has run out.
  virtual async::Task<base::Result<std::int64_t>> keep_lease_alive(LeaseId lease) = 0;

  // Delivers every batch with revision >= from_revision for keys under `prefix`, in order, each once.
  // Callbacks run on the loop, never from inside watch().
  virtual std::unique_ptr<Watch> watch(std::string prefix, Revision from_revision,
                                       WatchCallbacks callbacks) = 0;

  // False: what it should be read from was not there yet, and being empty says nothing.
  virtual bool has_configuration() const { return true; }

  // "local", "etcd", "yaml", "json"
  virtual std::string_view provider() const = 0;

  virtual StoreHealth health() const { return {}; }
  // Called at once, and on the loop after each change; one listener.
  virtual void on_health(std::function<void(const StoreHealth&)>) {}
};

}  // namespace apisix::store
