// EtcdHealth: whether etcd can be reached, since when, and why not; says so in the log when it changes. Owned
// by EtcdClient, fed by its calls and by the watch.
//
//   away (not reached yet) --a reply----> connected <--> away (no endpoint replies, or the watch is broken)
#pragma once

#include <functional>
#include <string>

#include "shared/base/clock.h"
#include "shared/store/store.h"

namespace apisix::store {

class EtcdHealth {
 public:
  explicit EtcdHealth(const base::Clock& clock);

  void note_reply(const std::string& endpoint);
  // No endpoint replied to a call.
  void note_no_reply(const std::string& error);
  void note_watch_live(const std::string& endpoint);
  void note_watch_broken(const std::string& error);

  const StoreHealth& state() const { return state_; }
  // Called at once, and after each change.
  void on_change(std::function<void(const StoreHealth&)> callback);

 private:
  void update_state(const std::string& error);
  void become_connected();
  void become_away(const std::string& error);

  const base::Clock& clock_;
  StoreHealth state_;
  bool calls_work_ = false;
  bool watch_broken_ = false;
  bool said_away_ = false;
  std::function<void(const StoreHealth&)> on_change_;
};

}  // namespace apisix::store
