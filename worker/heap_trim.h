// HeapTrim: memory that a flood needed goes back to the system when it is over. glibc keeps what is freed in
// the middle of its heap; malloc_trim() gives whole pages of it back, which takes a millisecond or so for
// each 10 MiB. So it is done only when much was freed since the last time, and not while it is in use. Owned
// by the worker.
#pragma once

#include "shared/event/timer_wheel.h"
#include "worker/proxy/services.h"

namespace apisix::worker {

// At the start of a process: blocks of a mebibyte and more are mapped for themselves. They grow without being
// copied, and freeing one gives it back at once. (By itself glibc raises this bound with each that is freed.)
void tune_heap();

class HeapTrim {
 public:
  explicit HeapTrim(proxy::Services& services);

 private:
  void check();

  proxy::Services& services_;
  event::Timer timer_;
  std::size_t body_bytes_peak_ = 0;  // since the last trim
  std::uint64_t connections_peak_ = 0;
};

}  // namespace apisix::worker
