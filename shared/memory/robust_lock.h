// RobustLock: a lock in shared memory that the kernel frees when its owner dies, one cache line each.
//
// It is a robust process-shared mutex and not a lock word of ours, because who is dead is the kernel's
// knowledge: it frees the lock while the owner exits. A zombie that is not reaped yet, a pid that is used
// again, a /proc that hides other users' processes, or a master that is stopped cannot leave it locked.
// No process sleeps on the mutex: a waiter that is killed right after it was woken takes the wake-up with
// it, and the others would never wake up. Waiters try, then yield; what is done under the lock takes less
// than 100 ns. What was being changed when the owner died is in `note`, which the owner set after
// locking.
#pragma once

#include <atomic>
#include <cstdint>

#include <pthread.h>

namespace apisix::memory {

class alignas(64) RobustLock {
 public:
  // Once, by the process that makes the zone, in zeroed memory.
  void init();

  // `repair(note)` runs, with the lock held, when an owner died in here; when this process dies in it too,
  // the next one repairs. `note`: what this owner is going to change.
  template <typename Repair>
  void lock(std::uint64_t note, Repair&& repair) {
    if (!acquire()) {
      repair(note_.load(std::memory_order_relaxed));
      make_consistent();
    }
    note_.store(note, std::memory_order_relaxed);
  }
  void unlock();

 private:
  // False when the last owner died with the lock held.
  bool acquire();
  bool acquire_contended();
  void make_consistent();

  pthread_mutex_t mutex_;
  std::atomic<std::uint64_t> note_;
};
static_assert(sizeof(RobustLock) == 64);

// Unlocks at the end of its scope.
class LockHolder {
 public:
  explicit LockHolder(RobustLock& lock) : lock_(lock) {}
  ~LockHolder() { lock_.unlock(); }
  LockHolder(const LockHolder&) = delete;
  LockHolder& operator=(const LockHolder&) = delete;

 private:
  RobustLock& lock_;
};

}  // namespace apisix::memory
