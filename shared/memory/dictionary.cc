#include "shared/memory/dictionary.h"

namespace apisix::memory {
namespace {

constexpr std::uint32_t kKind = 1;

std::uint64_t end_of(std::uint64_t ttl_ms, std::uint64_t now_ms) {
  return ttl_ms == 0 ? 0 : now_ms + ttl_ms;
}

// Wraps around instead of being undefined: what a plugin adds may come from a client.
std::int64_t sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

}  // namespace

base::Result<Dictionary> Dictionary::create(const std::string& name, std::size_t bytes) {
  auto table = Table::create(name, bytes, kKind);
  if (!table) return std::unexpected(table.error());
  return Dictionary(std::move(*table));
}

base::Result<Dictionary> Dictionary::open(Zone zone) {
  auto table = Table::open(std::move(zone), kKind);
  if (!table) return std::unexpected(table.error());
  return Dictionary(std::move(*table));
}

Dictionary::Entry Dictionary::entry(const Table::Cell& cell, std::uint64_t now_ms, bool is_new) {
  const std::uint64_t end = cell.expires_ms();
  return {.value = cell.payload().value, .ttl_left_ms = end == 0 ? 0 : end - now_ms, .is_new = is_new};
}

Dictionary::Entry Dictionary::incr_cell(Table::Cell& cell, std::int64_t by, const Init& init,
                                        std::uint64_t now_ms) {
  const bool is_new = !cell.exists();
  const std::int64_t before = is_new ? init.value : cell.payload().value;
  cell.write({sum(before, by)}, is_new ? end_of(init.ttl_ms, now_ms) : cell.expires_ms());
  return entry(cell, now_ms, is_new);
}

std::optional<Dictionary::Entry> Dictionary::get(std::string_view key, std::uint64_t now_ms) {
  const auto cell = table_.lock(key, now_ms);
  if (!cell.exists()) return std::nullopt;
  return entry(cell, now_ms, false);
}

Dictionary::Entry Dictionary::incr(std::string_view key, std::int64_t by, const Init& init,
                                   std::uint64_t now_ms) {
  auto cell = table_.lock(key, now_ms);
  return incr_cell(cell, by, init, now_ms);
}

std::optional<Dictionary::Entry> Dictionary::incr(std::string_view key, std::int64_t by,
                                                  std::uint64_t now_ms) {
  auto cell = table_.lock(key, now_ms);
  if (!cell.exists()) return std::nullopt;
  return incr_cell(cell, by, {}, now_ms);
}

std::pair<Dictionary::Entry, bool> Dictionary::incr_up_to(std::string_view key, std::int64_t by,
                                                          std::int64_t limit, const Init& init,
                                                          std::uint64_t now_ms) {
  auto cell = table_.lock(key, now_ms);
  const std::int64_t before = cell.exists() ? cell.payload().value : init.value;
  if (sum(before, by) <= limit) return {incr_cell(cell, by, init, now_ms), true};
  if (cell.exists()) return {entry(cell, now_ms, false), false};
  return {Entry{.value = before, .ttl_left_ms = init.ttl_ms, .is_new = false}, false};
}

void Dictionary::set(std::string_view key, std::int64_t value, std::uint64_t ttl_ms, std::uint64_t now_ms) {
  table_.lock(key, now_ms).write({value}, end_of(ttl_ms, now_ms));
}

bool Dictionary::add(std::string_view key, std::int64_t value, std::uint64_t ttl_ms, std::uint64_t now_ms) {
  auto cell = table_.lock(key, now_ms);
  return !cell.exists() && cell.write({value}, end_of(ttl_ms, now_ms));
}

bool Dictionary::remove(std::string_view key, std::uint64_t now_ms) {
  auto cell = table_.lock(key, now_ms);
  const bool existed = cell.exists();
  cell.erase();
  return existed;
}

bool Dictionary::expire(std::string_view key, std::uint64_t ttl_ms, std::uint64_t now_ms) {
  auto cell = table_.lock(key, now_ms);
  return cell.exists() && cell.write(cell.payload(), end_of(ttl_ms, now_ms));
}

}  // namespace apisix::memory
