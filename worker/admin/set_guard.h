// SetGuard: holds the invariant that what a set of changes was checked against is unchanged at commit.
// Lives for one attempt to make the set. What it asks for is a part of the set's transaction, so that there
// is no moment in between; see store::Unchanged.
//
//   begin() before anything is read -> cover() -> conditions() into the transaction -> [renew() -> again]
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/store/store.h"
#include "worker/admin/admin_context.h"
#include "worker/admin/change_set.h"
#include "worker/admin/history.h"

namespace apisix::admin {

class SetGuard {
 public:
  // All outlive it.
  SetGuard(const AdminContext& context, const History& history) : context_(context), history_(history) {}

  // `expected`: no object may have been changed after it, nor may one be until the commit; kConflict says
  // what was. Nothing: only the set's own objects count.
  async::Task<base::Status> begin(std::optional<store::Revision> expected);
  // Where the set has more objects than a transaction has conditions, their whole folders must stay as they
  // are.
  void cover(const std::vector<SetChange>& changes);
  // What else must hold and be written in the same transaction.
  void add(store::Txn more);
  // For ChangeWriter::plan().
  const store::Txn& conditions() const { return conditions_; }
  // The transaction did not hold. True: what is beside the set's objects was changed, and the set may be
  // committed as it is with what conditions() says now. False: check again.
  async::Task<bool> renew(const std::vector<Change>& writes);

 private:
  async::Task<base::Status> check_expected(store::Revision expected);
  void keep_unchanged(const std::vector<std::string>& folders, store::Revision since);

  const AdminContext& context_;
  const History& history_;
  bool is_exact_ = false;     // nothing at all may change
  store::Revision base_ = 0;  // what is read behind begin() is at least as new
  store::Txn conditions_;
};

}  // namespace apisix::admin
