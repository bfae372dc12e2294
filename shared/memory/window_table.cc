#include "shared/memory/window_table.h"

#include <algorithm>

namespace apisix::memory {
namespace {

constexpr std::uint32_t kKind = 3;

}  // namespace

base::Result<WindowTable> WindowTable::create(const std::string& name, std::size_t bytes) {
  auto table = Table::create(name, bytes, kKind);
  if (!table) return std::unexpected(table.error());
  return WindowTable(std::move(*table));
}

base::Result<WindowTable> WindowTable::open(Zone zone) {
  auto table = Table::open(std::move(zone), kKind);
  if (!table) return std::unexpected(table.error());
  return WindowTable(std::move(*table));
}

// The key's windows as they are in window `index`. A clock that is a window behind counts into the newer one.
WindowTable::Windows WindowTable::shifted(const Table::Cell& cell, std::uint64_t index) {
  if (!cell.exists()) return {index, 0, 0};
  const Windows& windows = cell.payload();
  if (windows.index >= index && windows.index - index <= 1) return windows;
  if (windows.index + 1 == index) return {index, 0, windows.current};
  return {index, 0, 0};
}

WindowTable::Count WindowTable::counted(const Windows& windows, std::uint64_t window_ms,
                                        std::uint64_t now_ms) {
  const std::uint64_t end_ms = (windows.index + 1) * window_ms;
  return {.is_granted = false,
          .current = windows.current,
          .previous = windows.previous,
          .left_ms = std::min(end_ms - now_ms, window_ms)};
}

// It says something until the window after this one is over.
void WindowTable::write(Table::Cell& cell, const Windows& windows, std::uint64_t window_ms) {
  cell.write(windows, (windows.index + 2) * window_ms);
}

WindowTable::Count WindowTable::take(std::string_view key, std::int64_t cost, std::int64_t limit,
                                     std::uint64_t window_ms, std::uint64_t now_ms) {
  auto cell = table_.lock(key, now_ms);
  Windows windows = shifted(cell, now_ms / window_ms);
  Count count = counted(windows, window_ms, now_ms);
  count.previous = std::min(count.previous, limit);
  if (count.current >= limit || count.estimate(window_ms) >= static_cast<double>(limit)) return count;
  windows.current += cost;
  write(cell, windows, window_ms);
  count.is_granted = true;
  count.current = windows.current;
  return count;
}

WindowTable::Count WindowTable::add(std::string_view key, std::int64_t cost, std::uint64_t window_ms,
                                    std::uint64_t now_ms) {
  auto cell = table_.lock(key, now_ms);
  Windows windows = shifted(cell, now_ms / window_ms);
  windows.current += cost;
  write(cell, windows, window_ms);
  Count count = counted(windows, window_ms, now_ms);
  count.is_granted = true;
  return count;
}

WindowTable::Count WindowTable::get(std::string_view key, std::uint64_t window_ms, std::uint64_t now_ms) {
  const auto cell = table_.lock(key, now_ms);
  return counted(shifted(cell, now_ms / window_ms), window_ms, now_ms);
}

}  // namespace apisix::memory
