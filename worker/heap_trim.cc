#include "worker/heap_trim.h"

#include <algorithm>

#include <malloc.h>

#include "worker/limits.h"

namespace apisix::worker {
namespace {

constexpr int kMappedBytesMin = 1 << 20;
// Free at the end of the heap before it is shortened at once. glibc's 128 KiB, which hold as soon as the
// bound above is set, would cost two system calls for every large buffer.
constexpr int kFreeEndBytes = 16 << 20;

}  // namespace

void tune_heap() {
  ::mallopt(M_MMAP_THRESHOLD, kMappedBytesMin);
  ::mallopt(M_TRIM_THRESHOLD, kFreeEndBytes);
}

HeapTrim::HeapTrim(proxy::Services& services)
    : services_(services),
      timer_(services.loop.timers(), [](void* self) { static_cast<HeapTrim*>(self)->check(); }, this) {
  timer_.set_after_ms(limits::kTrimCheckMs);
}

void HeapTrim::check() {
  const std::size_t body_bytes = services_.bodies.held();
  const std::uint64_t connections = services_.connections.size();
  body_bytes_peak_ = std::max(body_bytes_peak_, services_.bodies.take_peak());
  connections_peak_ = std::max(connections_peak_, services_.connections.take_peak());
  if (body_bytes_peak_ - body_bytes >= limits::kTrimBytesMin ||
      connections_peak_ - connections >= limits::kTrimConnectionsMin) {
    ::malloc_trim(0);
    body_bytes_peak_ = body_bytes;
    connections_peak_ = connections;
  }
  timer_.set_after_ms(limits::kTrimCheckMs);
}

}  // namespace apisix::worker
