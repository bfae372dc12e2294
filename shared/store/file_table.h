// FileTable: the items of a file over its readings. A reading that differs makes one new revision and one
// batch of events, and only what differs in it has that revision. Pure; owned by FileStore, which compares on
// the reading's thread.
//
// Routes that match the same request are tried in the order of their creation; of a file, that is the order
// in which they stand in it, in every worker and after every reload. So createdIndex of a route is a mark
// that grows along the file, and a route that moves in front of another one counts as changed.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/store/file_snapshot.h"
#include "shared/store/store.h"

namespace apisix::store {

class FileTable {
 public:
  // The first reading gets base + 1.
  explicit FileTable(Revision base) : revision_(base) {}

  // What a reading changes: the puts in the order of `entries`, then the deletes. No events: nothing differs.
  // Takes time for every entry; any thread may ask while no other commits.
  EventBatch diff(std::vector<FileEntry> entries) const;
  // Takes time only for what differs. False: nothing does, and the revision stays (but for the first
  // reading).
  bool commit(const EventBatch& batch);

  const Item* find(const std::string& key) const;
  ListReply list(std::string_view prefix) const;
  Revision revision() const { return revision_; }

 private:
  // The createdIndex of each entry whose order counts; none for the others.
  std::vector<Revision> mark_order(const std::vector<FileEntry>& entries) const;

  std::map<std::string, Item, std::less<>> items_;
  Revision revision_;
  bool is_empty_ = true;  // nothing was read yet
};

}  // namespace apisix::store
