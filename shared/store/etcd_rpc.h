// The bridge between gRPC and the loop, for etcd_*.cc alone (it includes gRPC's headers). RpcQueue owns the
// one completion queue of a process and the one thread that waits on it. That thread does nothing but hand
// over what came: parsed by gRPC, put on a list, the loop woken by an eventfd. Everything else is the loop's.
//
//   loop: RpcWait::tag() -> gRPC -> thread: Next() -> list + eventfd -> loop: on_wake() -> the waiting Task
//
// An operation in flight owns its RpcCall, so that gRPC may write to it after the waiting coroutine was
// destroyed.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "shared/async/awaiters.h"
#include "shared/base/unique_fd.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"

namespace apisix::store {

class RpcQueue;
class RpcWait;

// One RPC: what gRPC reads and writes while it is under way.
class RpcCall {
 public:
  explicit RpcCall(RpcQueue& queue);
  virtual ~RpcCall();
  RpcCall(const RpcCall&) = delete;
  RpcCall& operator=(const RpcCall&) = delete;

  grpc::ClientContext context;

 private:
  friend class RpcQueue;
  RpcQueue* queue_;  // null once the queue is closed
};

struct RpcTag {
  std::shared_ptr<RpcCall> call;
  RpcWait* wait = nullptr;  // null: cancelled
};

class RpcQueue {
 public:
  explicit RpcQueue(event::Loop& loop);
  ~RpcQueue() { close(); }
  RpcQueue(const RpcQueue&) = delete;
  RpcQueue& operator=(const RpcQueue&) = delete;

  // Cancels every call, waits for gRPC to give them back, and ends the thread. Nothing may be begun
  // afterwards.
  void close();
  bool is_closed() const { return closed_; }

  grpc::CompletionQueue* grpc_queue() { return &queue_; }
  event::Loop& loop() { return loop_; }
  // Calls back with a tag in the next turn, as gRPC would: for work in slices.
  void return_tag(RpcTag* tag) { push(tag, true); }

 private:
  friend class RpcCall;
  struct Returned {
    RpcTag* tag;
    bool ok;
  };
  void run();
  void push(RpcTag* tag, bool ok);
  void on_wake();
  void deliver();

  event::Loop& loop_;
  grpc::CompletionQueue queue_;
  base::UniqueFd wake_;
  event::IoWatch watch_;
  std::mutex mutex_;
  std::vector<Returned> returned_;
  std::set<RpcCall*> calls_;
  bool closed_ = false;
  std::thread thread_;
};

// One operation, in the frame of the coroutine that waits for it. Destroyed before the operation has come
// back, it cancels the whole call.
//   RpcWait wait(queue, call);  call->reader->Finish(&reply, &status, wait.tag());  bool ok = co_await
//   wait.done();
class RpcWait {
 public:
  RpcWait(RpcQueue& queue, std::shared_ptr<RpcCall> call);
  ~RpcWait();
  RpcWait(const RpcWait&) = delete;
  RpcWait& operator=(const RpcWait&) = delete;

  // For one operation, which must be started with it.
  RpcTag* tag();
  async::Completion<bool>& done() { return done_; }

 private:
  friend class RpcQueue;
  std::shared_ptr<RpcCall> call_;
  async::Completion<bool> done_;
  RpcTag* tag_ = nullptr;  // while it is in flight
};

}  // namespace apisix::store
