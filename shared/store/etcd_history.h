// EtcdHistory: what a watch remembers of the history that it follows, to tell after a break whether etcd
// still has the same one. Owned by EtcdFeed; knows no network.
//
// Revisions alone do not tell: a cluster that was restored from a backup reaches old numbers again with other
// contents, under the same cluster id. Therefore a watch is opened again a little before the place where it
// broke: what comes first must be, byte for byte, what came last.
//
//   reset(list) -> expect(position) -> [check() of each batch before position] -> is_proven() -> append() ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "shared/store/store.h"

namespace apisix::store {

class EtcdHistory {
 public:
  // The begin: what a list showed, or nothing (then nothing can be checked).
  void reset();
  void reset(const ListReply& list);

  // From where to open the watch that shall go on at `position`.
  Revision overlap_from(Revision position) const;
  // Until is_proven(), batches come from overlap_from().
  void begin_proof();
  // A batch before the position: false when it is not what was seen there.
  bool check(const EventBatch& batch);
  bool is_proven() const { return next_proof_ == seen_.size(); }
  // A batch that was delivered.
  void append(const EventBatch& batch);

 private:
  struct Seen {
    Revision revision = 0;
    // Of a batch: its events in order. Of a list: the items of its highest revision, whatever their order.
    std::vector<std::size_t> events;
    bool is_list = false;
  };

  std::deque<Seen> seen_;
  std::size_t next_proof_ = 0;
};

}  // namespace apisix::store
