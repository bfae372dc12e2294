#include "shared/memory/robust_lock.h"

#include <cerrno>

#include <sched.h>
#include <time.h>

#include "shared/base/check.h"

namespace apisix::memory {
namespace {

constexpr int kTriesPerTurn = 50;
// An owner that was preempted gets the processor by a yield; one that is stopped is waited for more quietly.
constexpr int kYields = 200;
constexpr timespec kNap{.tv_sec = 0, .tv_nsec = 100'000};

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace

void RobustLock::init() {
  pthread_mutexattr_t attributes;
  CHECK(::pthread_mutexattr_init(&attributes) == 0);
  CHECK(::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  CHECK(::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  CHECK(::pthread_mutex_init(&mutex_, &attributes) == 0);
  ::pthread_mutexattr_destroy(&attributes);
}

bool RobustLock::acquire() {
  const int result = ::pthread_mutex_trylock(&mutex_);
  if (result == 0) [[likely]]
    return true;
  CHECK(result == EBUSY || result == EOWNERDEAD);
  return result == EBUSY && acquire_contended();
}

bool RobustLock::acquire_contended() {
  for (int turn = 0;; ++turn) {
    for (int i = 0; i < kTriesPerTurn; ++i) {
      pause_briefly();
      const int result = ::pthread_mutex_trylock(&mutex_);
      if (result == EBUSY) continue;
      CHECK(result == 0 || result == EOWNERDEAD);
      return result == 0;
    }
    if (turn < kYields) {
      ::sched_yield();
    } else {
      ::nanosleep(&kNap, nullptr);
    }
  }
}

void RobustLock::make_consistent() {
  CHECK(::pthread_mutex_consistent(&mutex_) == 0);
}

void RobustLock::unlock() {
  ::pthread_mutex_unlock(&mutex_);
}

}  // namespace apisix::memory
