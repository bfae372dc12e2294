#include "privileged-agent/priority.h"

#include <cstdint>

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace apisix::agent {
namespace {

// As sched_setattr(2) takes it: the kernel's own header does not stand beside <sched.h>.
struct SchedulerAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime_ns;
  std::uint64_t deadline_ns;
  std::uint64_t period_ns;
};
static_assert(sizeof(SchedulerAttributes) == 48);

// The longest that there is: whatever wakes up with a shorter one comes first (Linux 6.12; older ones ignore
// it).
constexpr std::uint64_t kSliceNs = 100'000'000;

}  // namespace

// SCHED_BATCH: a thread that wakes up waits for the next tick, or for an idle core.
bool give_way_to_workers() {
  SchedulerAttributes wanted{};
  wanted.size = sizeof wanted;
  wanted.policy = SCHED_BATCH;
  wanted.nice = ::getpriority(PRIO_PROCESS, 0);
  wanted.runtime_ns = kSliceNs;
  return ::syscall(SYS_sched_setattr, 0, &wanted, 0U) == 0;
}

}  // namespace apisix::agent
