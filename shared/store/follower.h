// Follower: keeps its owner up to date with what is below a prefix of a store: the whole list once, then
// every batch of changes, in order, for as long as it lives. A store that cannot be reached changes nothing.
//
//   idle -> start() -> listing -> on_list() -> watching -> on_lost() or list_again() -> listing ...
//                        ^ failed: on_unreachable(), then a pause, longer each time
//
// Owned by what it calls back; the store outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "shared/async/scope.h"
#include "shared/async/signal.h"
#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/store/store.h"

namespace apisix::store {

class Follower {
 public:
  struct Callbacks {
    // The whole state, at list.revision; batches follow from the next revision on. Called again after a watch
    // was lost (compaction, lower revision, another cluster): the owner finds out what is different.
    std::function<void(ListReply list)> on_list;
    std::function<void(const EventBatch& batch)> on_batch;
    // The rest may be missing.
    std::function<void(Revision revision)> on_progress = {};  // see WatchCallbacks
    std::function<void(const base::Error& error)> on_lost = {};
    // The list failed, with another text than at the attempt before.
    std::function<void(const base::Error& error)> on_unreachable = {};
  };
  struct Delays {
    std::uint64_t before_list_ms = 0;  // between start(), or the loss of a watch, and the first attempt
    std::uint64_t retry_ms = 200;      // of failed attempts; doubles up to
    std::uint64_t retry_ms_max = 5'000;
  };

  // `prefix` of the keys: "/apisix/".
  Follower(event::Loop& loop, Store& store, std::string prefix, Callbacks callbacks, Delays delays);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Goes on from now, until it works.
  void start() { list_again(); }
  // The same, but one attempt: for who has other plans when the store cannot be reached. Error: the store's.
  async::Task<base::Status> start_once();
  // The owner wants the whole state once more; may be called by callbacks. A store that has it at hand lists
  // within the call.
  void list_again();
  bool is_watching() const { return watch_ != nullptr; }

 private:
  async::Task<void> follow();
  void watch(Revision from);

  event::Loop& loop_;
  Store& store_;
  const std::string prefix_;
  const Callbacks callbacks_;
  const Delays delays_;
  bool is_listing_ = false;   // follow() runs
  bool is_outdated_ = false;  // list_again() was called since the last list was asked for
  std::unique_ptr<Watch> watch_;
  async::Signal asked_;  // by list_again(), in the pause behind a list that failed
  async::Scope scope_;
};

}  // namespace apisix::store
