#include "shared/store/etcd_rpc.h"

#include <cerrno>
#include <stdexcept>
#include <utility>

#include <grpc/support/log.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/base/check.h"
#include "shared/base/log.h"

namespace apisix::store {
namespace {

// gRPC speaks of every failed handshake by itself; calls report them too, with the endpoint.
void log_of_grpc(gpr_log_func_args* line) {
  base::log_info("grpc: {}", line->message);
}

// Signals are the loop thread's: the threads that gRPC makes inherit what is blocked here.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

// --- RpcCall

RpcCall::RpcCall(RpcQueue& queue) : queue_(&queue) {
  CHECK(!queue.is_closed());
  queue.calls_.insert(this);
}

RpcCall::~RpcCall() {
  if (queue_ != nullptr) queue_->calls_.erase(this);
}

// --- RpcQueue

RpcQueue::RpcQueue(event::Loop& loop)
    : loop_(loop),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      watch_(loop, [](void* self, bool, bool) { static_cast<RpcQueue*>(self)->on_wake(); }, this) {
  CHECK(wake_);
  watch_.start(wake_.get());
  const SignalsBlocked blocked;
  gpr_set_log_function(log_of_grpc);
  thread_ = std::thread([this] { run(); });
}

void RpcQueue::close() {
  if (std::exchange(closed_, true)) return;
  for (RpcCall* call : calls_) {
    call->context.TryCancel();
    call->queue_ = nullptr;
  }
  calls_.clear();
  queue_.Shutdown();
  thread_.join();
  deliver();
  watch_.stop();
}

// On the thread of its own.
void RpcQueue::run() {
  pthread_setname_np(pthread_self(), "etcd");
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) push(static_cast<RpcTag*>(tag), ok);
}

void RpcQueue::push(RpcTag* tag, bool ok) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = returned_.empty();
    returned_.push_back({tag, ok});
  }
  if (!was_empty) return;
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void RpcQueue::on_wake() {
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  deliver();
}

void RpcQueue::deliver() {
  std::vector<Returned> returned;
  {
    const std::lock_guard lock(mutex_);
    returned.swap(returned_);
  }
  for (const Returned& each : returned) {
    if (RpcWait* wait = each.tag->wait; wait != nullptr) {
      wait->tag_ = nullptr;
      wait->done_.set(each.ok);
    }
    delete each.tag;
  }
}

// --- RpcWait

RpcWait::RpcWait(RpcQueue& queue, std::shared_ptr<RpcCall> call)
    : call_(std::move(call)), done_(queue.loop()) {}

RpcWait::~RpcWait() {
  if (tag_ == nullptr) return;
  tag_->wait = nullptr;
  if (call_ != nullptr) call_->context.TryCancel();
}

RpcTag* RpcWait::tag() {
  CHECK(tag_ == nullptr && !done_.is_set());
  tag_ = new RpcTag{call_, this};
  return tag_;
}

}  // namespace apisix::store
