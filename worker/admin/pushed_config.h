// PushedConfig: the configuration that was pushed as a whole, as it lies in the store: each item under its
// own key, as in every other store, so that workers apply only what differs; and beside them, under
// "<prefix>-pushed/", each list as it was sent, and what is known of the push: digest, time, versions.
// All of a push is one transaction. Owned by ConfigsHandler.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/store/store.h"
#include "worker/admin/pushed_document.h"

namespace apisix::admin {

struct PushedMeta {
  bool exists = false;
  store::Revision revision = 0;  // of the store's record, 0: none yet
  std::string digest;
  std::int64_t last_modified = 0;                        // Unix time
  std::map<std::string, format::Json> versions;          // by list; missing: 0
  std::map<std::string, format::Json> modified_indexes;  // by key below the prefix

  format::Json version_of(const std::string& list) const;
};

// What the store holds of the items, by key below the prefix.
using StoredItems = std::map<std::string, std::string, std::less<>>;

class PushedConfig {
 public:
  PushedConfig(store::Store& store, std::string prefix);

  async::Task<base::Result<PushedMeta>> read_meta();
  async::Task<base::Result<StoredItems>> read_items();
  // The whole document as GET answers it, JSON.
  async::Task<base::Result<std::string>> read_document(const PushedMeta& meta);

  // Replaces the lists that `changed` names; holds only if the store's record is still that of `before`.
  store::Txn plan(const std::vector<PushedList>& lists, const std::vector<bool>& changed,
                  const StoredItems& stored, const PushedMeta& before, PushedMeta after) const;

 private:
  std::string list_key(std::string_view list) const;

  store::Store& store_;
  std::string prefix_;
  std::string own_prefix_;
};

}  // namespace apisix::admin
