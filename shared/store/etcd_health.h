// EtcdHealth: whether etcd can be reached, since when, and why not; says so in the log when it changes. Owned
// by EtcdClient, fed by its calls and by the watch.
//
//   not reached yet --any answer--> connected <--> degraded (no endpoint answers, or the watch is broken)
#pragma once

#include <functional>
#include <string>

#include "shared/base/clock.h"
#include "shared/store/store.h"

namespace apisix::store {

class EtcdHealth {
 public:
  explicit EtcdHealth(const base::Clock& clock) : clock_(clock) {}

  void note_answer(const std::string& endpoint);
  // No endpoint answered a call.
  void note_no_answer(const std::string& error);
  void note_watch_live(const std::string& endpoint);
  void note_watch_broken(const std::string& error);

  const StoreHealth& state() const { return state_; }
  void on_change(std::function<void(const StoreHealth&)> callback) { on_change_ = std::move(callback); }

 private:
  void settle(const std::string& error);

  const base::Clock& clock_;
  StoreHealth state_{.connected = false, .since_ms = 0, .endpoint = {}, .error = "not reached yet"};
  bool calls_work_ = false;
  bool watch_broken_ = false;
  std::function<void(const StoreHealth&)> on_change_;
};

}  // namespace apisix::store
