// EtcdFeed: the one watch stream of a process, over the whole prefix, that feeds every watch of the store.
// For etcd_*.cc alone (it includes gRPC's headers). Owned by EtcdStore, used on its loop.
//
//   idle -> opening -> (proving, after a break) -> live -> broken -> wait -> opening ...
//                          |                         |
//                          +--> lost: compacted, an older revision, another cluster, another history:
//                               every watch ends with on_lost; its owner lists again
//
// Invariant: the revision to resume from moves only with delivered events, never with time or progress notes.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/async/scope.h"
#include "shared/async/task.h"
#include "shared/base/retry_delay.h"
#include "shared/event/timer_wheel.h"
#include "shared/store/etcd_client.h"
#include "shared/store/etcd_history.h"
#include "shared/store/watch_list.h"

namespace apisix::store {

class EtcdFeed {
 public:
  EtcdFeed(std::shared_ptr<EtcdClient> client, WatchList& watches);
  ~EtcdFeed();
  EtcdFeed(const EtcdFeed&) = delete;
  EtcdFeed& operator=(const EtcdFeed&) = delete;

  // What the stream covers.
  const std::string& prefix() const { return prefix_; }
  // Everything under prefix() was read: a watch from the next revision on continues that.
  void note_list(const ListReply& list, std::uint64_t cluster_id);
  // A watch was added.
  void poll();
  // Asks etcd for progress: a coroutine waits for on_progress() of this revision.
  void want_progress(Revision revision);

 private:
  struct Stream;
  struct Origin {  // of a watch: the list before it
    Revision revision = 0;
    std::uint64_t cluster_id = 0;
    EtcdHistory history;
  };
  struct Ended {
    enum class Why : unsigned char { kBroken, kLost, kRestart } why = Why::kBroken;
    base::Error error;
  };
  enum class State : unsigned char { kIdle, kOpening, kProving, kLive };
  enum class Cancel : unsigned char { kNone, kNoReply, kNoProof, kSilent };

  async::Task<void> run();
  async::Task<Ended> follow();
  // Nothing: go on reading.
  async::Task<std::optional<Ended>> read_one(std::shared_ptr<Stream> stream);
  async::Task<Ended> end_of(std::shared_ptr<Stream> stream);
  void continue_at(Revision position);

  std::optional<Ended> take_created(const etcdserverpb::WatchResponse& response);
  std::optional<Ended> take_canceled(const etcdserverpb::WatchResponse& response);
  std::optional<Ended> take_batch(const EventBatch& batch);
  void become_live();
  async::Task<std::optional<Ended>> take_events();

  void on_timer();
  void send_progress_request();
  Ended lost(std::string what) const;

  std::shared_ptr<EtcdClient> client_;
  WatchList& watches_;
  std::string prefix_;
  State state_ = State::kIdle;
  Revision position_ = 0;  // the next revision that was not delivered
  std::uint64_t cluster_id_ = 0;
  EtcdHistory history_;
  bool is_new_ = true;       // a watch was added: look for the list before it
  bool was_broken_ = false;  // since the last list: what comes next must prove itself
  bool restart_ = false;     // a new watch wants what is behind the position
  bool running_ = false;
  std::deque<Origin> origins_;

  std::shared_ptr<Stream> stream_;
  std::optional<RpcWait> progress_write_;
  bool asked_ = false;  // for progress, and nothing came since
  Revision wanted_progress_ = 0;
  Revision progress_ = 0;
  Cancel cancel_ = Cancel::kNone;  // why we ended the stream
  bool tried_new_token_ = false;
  std::vector<Event> events_;  // of the response that is coming in
  std::uint64_t live_since_ms_ = 0;

  base::RetryDelay retry_;
  event::Timer timer_;
  async::Scope scope_;
};

}  // namespace apisix::store
