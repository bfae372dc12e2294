// StoreFeed: the configuration for a job of the agent (store::Follower by objects): every object once, then
// every change. A store that is away changes nothing; when it is back only what is different counts for the
// job.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "shared/event/loop.h"
#include "shared/store/follower.h"
#include "shared/store/store.h"

namespace apisix::agent {

class StoreFeed {
 public:
  struct Callbacks {
    // True: the job keeps something of the object, and wants to hear when it is gone.
    std::function<bool(std::string_view kind, const store::Item& item)> on_put;
    std::function<void(const std::string& key)> on_erased;
    // The whole configuration is there, for the first time or again.
    std::function<void()> on_whole;
    // Everything up to this revision of the store was delivered. May be missing.
    std::function<void(store::Revision)> on_revision = {};
  };
  // `prefix` of the store's keys: "/apisix". The store outlives it.
  StoreFeed(event::Loop& loop, store::Store& store, std::string prefix, Callbacks callbacks);
  StoreFeed(const StoreFeed&) = delete;
  StoreFeed& operator=(const StoreFeed&) = delete;

 private:
  void apply_list(const store::ListReply& list);
  void apply(const store::EventBatch& batch);
  void put(const store::Item& item);
  void note(store::Revision revision);
  void erase(const std::string& key);

  const std::string prefix_;
  const Callbacks callbacks_;
  std::unordered_set<std::string> kept_;  // keys of what the job keeps something of
  store::Follower follower_;
};

}  // namespace apisix::agent
