// ChangeWriter: the one way by which the Admin API changes objects: all of a change and its entry in the
// history are one transaction. Invariant: an acknowledged change has its entry. Owned by AdminService.
#pragma once

#include <string>
#include <vector>

#include "shared/async/scope.h"
#include "shared/async/task.h"
#include "shared/base/random.h"
#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/store/store.h"
#include "worker/admin/history.h"

namespace apisix::admin {

class ChangeWriter {
 public:
  ChangeWriter(event::Loop& loop, store::Store& store, History& history, std::string prefix);

  // The transaction of `changes`: holds only if each object still is what `before` says, and the conditions
  // of `with` do. Of more objects than the store can compare, only those conditions count, and of the rest as
  // many objects as can be compared are. What `with` writes is written with it. Values that are too large for
  // an entry are left out of it.
  store::Txn plan(const std::vector<Change>& changes, const Author& author, store::Txn with = {});
  // Whether the store takes a transaction of that size; the error names the bounds.
  base::Status check_fits(const store::Txn& txn) const;
  // Not succeeded: an object is not what it was. A user of etcd who may not write the history writes without:
  // what an APISIX's user may do must go on working.
  async::Task<base::Result<store::TxnReply>> commit(store::Txn txn);

 private:
  void add_compares(const std::vector<Change>& changes, store::Txn& txn) const;
  void add_entry(const std::vector<Change>& changes, const Author& author, store::Txn& txn);
  // The user of the store may not write the history: no retry for a while.
  bool is_denied() const;
  store::Txn without_entry(store::Txn txn);
  event::Loop& loop_;
  store::Store& store_;
  History& history_;
  std::string prefix_;
  base::Random random_;
  std::uint64_t denied_until_ms_ = 0;  // no entries are tried before
  std::size_t entries_ = 0;            // written by this process since it was shortened last
  async::Scope scope_;
};

}  // namespace apisix::admin
