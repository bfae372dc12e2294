#include "worker/certificate_watch.h"

#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "shared/async/awaiters.h"
#include "shared/async/time_slice.h"
#include "shared/base/log.h"
#include "worker/config/registry.h"
#include "worker/tls/certificate_table.h"

namespace apisix::worker {
namespace {

constexpr std::uint64_t kFirstLookMs = 5'000;
constexpr std::uint64_t kLookMs = 3'600'000;
constexpr std::int64_t kDayS = 86'400;
constexpr std::int64_t kSoonS = 30 * kDayS;
// Behind each slice of 2 ms: an unhurried look takes a tenth of the processor at most.
constexpr std::uint64_t kRestMs = 20;
constexpr unsigned kLinesMax = 20;  // of one day in error.log

struct Counts {
  std::uint64_t ended = 0;
  std::uint64_t ending = 0;
};

void log_end(const std::string& id, std::int64_t left_s) {
  if (left_s <= 0) {
    base::log_warn("the certificate of ssls/{} ended {} days ago", id, -left_s / kDayS);
  } else {
    base::log_warn("the certificate of ssls/{} ends in {} days", id, left_s / kDayS);
  }
}

async::Task<Counts> look(event::Loop& loop, config::Registry& registry, bool logs) {
  if (registry.certificates().size() == 0) co_return Counts{};
  async::TimeSlice slice(loop);
  config::IdWalk walk;
  while (registry.walk_ids("ssls", walk)) {
    if (slice.is_over()) co_await slice.pause();
  }
  Counts counts;
  for (const std::string& id : walk.ids) {
    if (slice.is_over()) {
      co_await async::Sleep(loop, kRestMs);
      co_await slice.pause();
    }
    const auto end_s = registry.certificates().find_end(id);
    if (!end_s) continue;
    const std::int64_t left_s = *end_s - loop.clock().wall_seconds();
    if (left_s > kSoonS) continue;
    ++(left_s <= 0 ? counts.ended : counts.ending);
    if (logs && counts.ended + counts.ending <= kLinesMax) log_end(id, left_s);
  }
  if (logs && counts.ended + counts.ending > kLinesMax) {
    base::log_warn("{} certificates have ended, {} end within 30 days: see apisix lint", counts.ended,
                   counts.ending);
  }
  co_return counts;
}

}  // namespace

// What takes longer is left behind: it is not known whether it comes.
async::Task<void> settle_certificates(event::Loop& loop, config::Registry& registry) {
  constexpr std::uint64_t kWaitMs = 3'000;
  constexpr std::uint64_t kStepMs = 10;
  for (std::uint64_t waited = 0; waited < kWaitMs && registry.certificates().is_settling();
       waited += kStepMs) {
    co_await async::Sleep(loop, kStepMs);
  }
}

async::Task<void> watch_certificates(event::Loop& loop, config::Registry& registry,
                                     memory::StatusSlot& slot) {
  const bool is_first_worker = slot.index == 0;
  std::int64_t logged_at_s = 0;
  co_await async::Sleep(loop, kFirstLookMs);
  for (;;) {
    const std::int64_t now_s = loop.clock().wall_seconds();
    const bool logs = is_first_worker && now_s - logged_at_s >= kDayS;
    if (logs) logged_at_s = now_s;
    const Counts counts = co_await look(loop, registry, logs);
    slot.certificates_ended.set(counts.ended);
    slot.certificates_ending.set(counts.ending);
    co_await async::Sleep(loop, kLookMs);
  }
}

}  // namespace apisix::worker
