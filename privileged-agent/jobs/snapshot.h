// Snapshot: the job that keeps the last known good configuration on disk (shared/store/etcd_snapshot.h), so
// that workers can start while etcd is away. It follows the store as a worker does; owned by the agent.
//
//   list -> watch -> a change -> wait until it is quiet -> encode -> a thread writes -> ...
//
// Invariant: what is written is a whole state of the store. Writing costs at most a twentieth of the time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "shared/base/unique_fd.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/follower.h"
#include "shared/store/store.h"

namespace apisix::agent {

class Snapshot {
 public:
  // Null when there is nothing to keep: the configuration is on this machine anyway.
  static std::unique_ptr<Snapshot> start(event::Loop& loop, store::Store& store,
                                         const settings::Settings& settings,
                                         const std::string& runtime_prefix);
  // The store outlives it.
  Snapshot(event::Loop& loop, store::Store& store, const settings::Deployment::Etcd& etcd, std::string path);
  // Waits for the write under way, and writes what is not written yet.
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  void take(store::ListReply list);
  void apply(const store::EventBatch& batch);
  void note_change();
  std::string encode() const;
  void begin_write();
  void on_written();

  event::Loop& loop_;
  const settings::Deployment::Etcd& etcd_;
  std::string path_;
  std::map<std::string, store::Item> items_;  // whose own `key` is empty
  store::Revision revision_ = 0;
  bool is_whole_ = false;    // items_ is a state that the store had
  bool is_changed_ = false;  // since the last write began

  base::UniqueFd written_;  // an eventfd: the thread is done
  event::IoWatch written_watch_;
  event::Timer debounce_;
  std::thread writer_;
  base::Status result_;  // the thread's, until on_written()
  std::uint64_t write_began_us_ = 0;
  std::uint64_t rest_ms_ = 0;  // before the next write
  std::string last_trouble_;
  store::Follower follower_;
};

}  // namespace apisix::agent
