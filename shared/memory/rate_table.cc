#include "shared/memory/rate_table.h"

#include <algorithm>

namespace apisix::memory {
namespace {

constexpr std::uint32_t kKind = 2;

}  // namespace

base::Result<RateTable> RateTable::create(const std::string& name, std::size_t bytes) {
  auto table = Table::create(name, bytes, kKind);
  if (!table) return std::unexpected(table.error());
  return RateTable(std::move(*table));
}

base::Result<RateTable> RateTable::open(Zone zone) {
  auto table = Table::open(std::move(zone), kKind);
  if (!table) return std::unexpected(table.error());
  return RateTable(std::move(*table));
}

RateTable::Verdict RateTable::take(std::string_view key, double rate, double burst, bool commit,
                                   std::uint64_t now_ms) {
  auto cell = table_.lock(key, now_ms);
  double excess = 0;  // the first request is within any rate
  std::uint64_t last_ms = now_ms;
  if (cell.exists()) {
    const Rate& rate_before = cell.payload();
    // Another worker's clock may be a turn of its loop ahead of ours.
    last_ms = std::max(now_ms, rate_before.last_ms);
    const double leaked = rate * static_cast<double>(last_ms - rate_before.last_ms) / 1000;
    excess = std::max(rate_before.excess - leaked + 1, 0.0);
  }
  if (excess > burst) return {false, excess};
  if (!commit) return {true, excess};
  // An empty bucket says nothing: it may go when it has leaked out.
  const std::uint64_t left_ms =
      rate > 0 ? static_cast<std::uint64_t>(std::min((excess + 1) / rate, 1e9) * 1000) : 0;
  cell.write({excess, last_ms}, left_ms == 0 ? 0 : last_ms + left_ms);
  return {true, excess};
}

void RateTable::give_back(std::string_view key, std::uint64_t now_ms) {
  auto cell = table_.lock(key, now_ms);
  if (!cell.exists()) return;
  Rate rate = cell.payload();
  rate.excess = std::max(rate.excess - 1, 0.0);
  cell.write(rate, cell.expires_ms());
}

}  // namespace apisix::memory
