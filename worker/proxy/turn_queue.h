// TurnQueue: work that would stop the loop if it were done at once. It is done in slices, in turn, and all
// slices of one turn of the loop together take limits::kSliceTurnUs, however much there is to do. One per
// worker, owned by Services.
#pragma once

#include "shared/event/loop.h"
#include "worker/proxy/client_group.h"

namespace apisix::proxy {

class TurnQueue;

// One job. A member of whoever has to do it: destroying it takes it out of the queue.
class SlicedWork : private AgeLink<SlicedWork> {
 public:
  using Run = void (*)(void* context);

  SlicedWork() = default;
  ~SlicedWork();
  SlicedWork(const SlicedWork&) = delete;
  SlicedWork& operator=(const SlicedWork&) = delete;

 private:
  friend class AgeList<SlicedWork>;
  friend class TurnQueue;
  TurnQueue* queue_ = nullptr;  // it waits in
  Run run_ = nullptr;
  void* context_ = nullptr;
};

class TurnQueue {
 public:
  explicit TurnQueue(event::Loop& loop) : loop_(loop) {}
  TurnQueue(const TurnQueue&) = delete;
  TurnQueue& operator=(const TurnQueue&) = delete;

  // Runs one slice in a later turn. Work that waits already stays where it is.
  void push(SlicedWork& work, SlicedWork::Run run, void* context);
  void remove(SlicedWork& work);

 private:
  void arm();
  void run_slices();

  event::Loop& loop_;
  AgeList<SlicedWork> waiting_;
  bool armed_ = false;
};

}  // namespace apisix::proxy
