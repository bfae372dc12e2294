// History: the entries that the store holds, read and kept within their bounds. Written by ChangeWriter.
// Owned by AdminService.
#pragma once

#include <string>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"
#include "worker/admin/history_entry.h"

namespace apisix::admin {

// Of all entries' lists of changes together, without the values; the oldest go first.
inline constexpr std::size_t kIndexBytesMax = std::size_t{16} << 20;

class History {
 public:
  History(event::Loop& loop, store::Store& store, const settings::Settings& settings);

  bool is_kept() const { return bounds_.max_entries > 0; }
  // "<prefix>-history/"
  const std::string& folder() const { return folder_; }
  // Renewed by every change, so that one compare detects any.
  std::string head_key() const { return folder_ + "head"; }
  std::string index_key(const std::string& id) const { return folder_ + "index/" + id; }
  std::string values_key(const std::string& id) const { return folder_ + "values/" + id; }

  // The entries within the bounds, the newest first, without values. `revision`: the store's, of the list.
  struct Listed {
    std::vector<HistoryEntry> entries;
    store::Revision revision = 0;
  };
  async::Task<base::Result<Listed>> list();
  async::Task<base::Status> load_values(HistoryEntry& entry);
  // Deletes what is over the bounds; what fails is logged. Any number of processes may do it at once.
  async::Task<void> trim();
  // At once and every hour, until destroyed: age passes also where nothing changes.
  async::Task<void> keep_trimmed();

 private:
  async::Task<base::Status> delete_old();
  std::uint64_t oldest_ms() const;
  // The index records within the bounds, the newest first.
  std::vector<const store::Item*> kept_of(const store::ListReply& all) const;

  event::Loop& loop_;
  store::Store& store_;
  settings::Deployment::Admin::History bounds_;
  std::string folder_;
};

}  // namespace apisix::admin
