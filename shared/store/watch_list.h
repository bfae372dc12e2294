// WatchList: the watches of one store and what each has seen. The store feeds it revisions in order, from
// next_revision() on; so that each watch sees every revision once, also one that was added in the middle.
// Owned by a store, used on its loop.
//
//   waiting for revision n --deliver(n)--> n + 1 ...   --lose()--> lost (no callback runs again)
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/store/store.h"

namespace apisix::store {

class WatchList {
 public:
  // kEvery: the store delivers every revision, and a watch takes only the one it waits for.
  // kSome: those that concern it; the store sees to it that none comes before next_revision().
  enum class Feed : unsigned char { kEvery, kSome };

  explicit WatchList(Feed feed = Feed::kEvery) : feed_(feed) {}
  ~WatchList();
  WatchList(const WatchList&) = delete;
  WatchList& operator=(const WatchList&) = delete;

  // Runs no callback. The handle may outlive the list.
  std::unique_ptr<Watch> add(std::string prefix, Revision from_revision, WatchCallbacks callbacks);

  // The lowest revision that a watch still waits for; none without watches.
  std::optional<Revision> next_revision() const;

  // Ends every watch that wants what the log (floor + 1 .. revision) does not have, or that has seen what
  // the store has not.
  void lose_outside(Revision floor, Revision revision);
  // Ends every watch.
  void lose_all(const base::Error& error);
  // Callbacks may add and destroy watches, but not the list.
  void deliver(const EventBatch& batch);
  // Tells those that have seen everything before it.
  void note_progress(Revision revision);

 private:
  struct Entry {
    std::string prefix;
    Revision next = 0;
    WatchCallbacks callbacks;
    bool active = true;
  };
  class Handle;

  std::vector<std::shared_ptr<Entry>> snapshot();

  Feed feed_;
  std::vector<std::shared_ptr<Entry>> entries_;
  bool delivering_ = false;
};

}  // namespace apisix::store
