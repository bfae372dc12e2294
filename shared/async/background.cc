#include "shared/async/background.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/base/check.h"

namespace apisix::async {

BackgroundThread::BackgroundThread(event::Loop& loop, std::function<void()> work,
                                   std::function<void()> on_end)
    : on_end_(std::move(on_end)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      watch_(loop, [](void* self, bool, bool) { static_cast<BackgroundThread*>(self)->on_wake(); }, this) {
  CHECK(wake_);
  watch_.start(wake_.get());
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([work = std::move(work), wake = wake_.get()] {
    work();
    const std::uint64_t one = 1;
    (void)!::write(wake, &one, sizeof one);
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

BackgroundThread::~BackgroundThread() {
  watch_.stop();
  if (thread_.joinable()) thread_.join();
}

void BackgroundThread::on_wake() {
  watch_.stop();
  thread_.join();
  on_end_();
}

}  // namespace apisix::async
