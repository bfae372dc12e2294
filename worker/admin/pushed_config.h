// PushedConfig: the configuration that was pushed as a whole, as it lies in the store: each item under its
// own key, as in every other store, so that workers apply only what differs and history and sets of changes
// work on it; and beside them, under "<prefix>-pushed/", each list as it was sent, and what is known of the
// push: digest, time, versions. Items and lists say the same after every transaction. Owned by AdminService.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/random.h"
#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"
#include "worker/admin/history_entry.h"
#include "worker/admin/pushed_document.h"

namespace apisix::admin {

struct PushedMeta {
  bool exists = false;
  store::Revision revision = 0;  // of the store's record, 0: none yet
  std::string digest;
  std::int64_t last_modified = 0;                        // Unix time
  std::map<std::string, format::Json> versions;          // by list; missing: 0
  std::map<std::string, format::Json> modified_indexes;  // by key below the prefix
  // Lists that were changed here since they were pushed. Their versions are the pusher's and stay; so the
  // next push of such a list counts also with the same version.
  std::set<std::string> edited;

  format::Json version_of(const std::string& list) const;
};

// What the store holds of the items, by key below the prefix.
using StoredItems = std::map<std::string, store::Item, std::less<>>;

class PushedConfig {
 public:
  PushedConfig(event::Loop& loop, store::Store& store, const settings::Settings& settings);

  const std::string& prefix() const { return prefix_; }
  // All lists together, in bytes of JSON: within nginx_config.meta.lua_shared_dict.standalone-config?
  // kTooLarge.
  base::Status check_bytes(std::size_t bytes) const;

  async::Task<base::Result<PushedMeta>> read_meta();
  async::Task<base::Result<StoredItems>> read_items();
  struct Shown {
    PushedMeta meta;
    std::string text;  // JSON, the whole document as GET returns it
    store::Revision revision = 0;
  };
  async::Task<base::Result<Shown>> read_document();

  // A push that replaces the lists that `changed` names: what it does to the objects, ...
  std::vector<Change> changes(const std::vector<PushedList>& lists, const std::vector<bool>& changed,
                              const StoredItems& stored, const PushedMeta& before) const;
  // ... and what must be written with that: the lists, the list of plugins, the record of the push. Holds
  // only if that record is still `before`.
  store::Txn records(const std::vector<PushedList>& lists, const std::vector<bool>& changed,
                     const StoredItems& stored, const PushedMeta& before, PushedMeta after) const;
  // Objects are changed by something else than a push: what must be written with that. The document gets a
  // digest that no pusher knows. kTooLarge when the document would be.
  async::Task<base::Result<store::Txn>> edit(const std::vector<Change>& changes);

 private:
  std::string list_key(std::string_view list) const;
  using Lists = std::map<std::string, std::string, std::less<>>;  // texts by name
  // The names of those that were edited.
  async::Task<base::Result<std::vector<std::string>>> edit_lists(const std::vector<Change>& changes,
                                                                 Lists& lists);
  // Holds only if the record of the push is still this one.
  store::Txn unless_pushed(const PushedMeta& since) const;

  event::Loop& loop_;
  store::Store& store_;
  std::string prefix_;
  std::string own_prefix_;
  std::size_t bytes_max_;
  base::Random random_;
};

}  // namespace apisix::admin
