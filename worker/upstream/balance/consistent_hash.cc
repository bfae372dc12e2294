#include "worker/upstream/balance/consistent_hash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "shared/base/crc32.h"

namespace apisix::upstream {

ConsistentHash::ConsistentHash(std::vector<PickerEntry> entries) {
  set_units(entries);
  for (std::uint32_t i = 0; i < entries.size(); ++i) add_points(i, std::move(entries[i].ring_id));
  sort_points();
  index_points();
  set_usable({});
}

void ConsistentHash::set_units(const std::vector<PickerEntry>& entries) {
  std::uint32_t gcd = 0;
  std::uint64_t total = 0;
  for (const auto& entry : entries) gcd = std::gcd(gcd, entry.weight);
  for (const auto& entry : entries) total += gcd == 0 ? 0 : entry.weight / gcd;
  constexpr std::uint64_t kUnitsMax = kPointsMax / kPointsPerUnit;
  for (const auto& entry : entries) {
    std::uint64_t units = gcd == 0 ? 0 : entry.weight / gcd;
    if (total > kUnitsMax && units > 0) units = std::max<std::uint64_t>(1, units * kUnitsMax / total);
    entries_.push_back({entry.index, static_cast<std::uint32_t>(units)});
  }
}

void ConsistentHash::add_points(std::uint32_t entry, std::string id) {
  std::ranges::replace(id, ':', '\0');
  const std::uint32_t id_hash = base::crc32(id);
  std::uint32_t hash = 0;
  for (std::uint64_t i = entries_[entry].units * kPointsPerUnit; i > 0; --i) {
    const std::array<char, 4> previous = {static_cast<char>(hash), static_cast<char>(hash >> 8),
                                          static_cast<char>(hash >> 16), static_cast<char>(hash >> 24)};
    hash = base::crc32({previous.data(), previous.size()}, id_hash);
    points_.push_back({hash, entry});
  }
}

// Three stable passes over 11 bits each: a ring of a million points is built between two events.
void ConsistentHash::sort_points() {
  constexpr int kBits = 11;
  std::vector<Point> sorted(points_.size());
  for (int shift = 0; shift < 32; shift += kBits) {
    const auto digit = [shift](const Point& point) { return (point.hash >> shift) & ((1u << kBits) - 1); };
    std::array<std::uint32_t, (1u << kBits) + 1> ends{};
    for (const auto& point : points_) ++ends[digit(point) + 1];
    std::partial_sum(ends.begin(), ends.end(), ends.begin());
    for (const auto& point : points_) sorted[ends[digit(point)]++] = point;
    points_.swap(sorted);
  }
}

void ConsistentHash::index_points() {
  constexpr std::size_t kPointsPerSlice = 4;
  const std::size_t slices = std::bit_ceil(points_.size() / kPointsPerSlice + 1);
  slice_shift_ = 32u - static_cast<std::uint32_t>(std::countr_zero(slices));
  starts_.resize(slices);
  std::uint32_t at = 0;
  for (std::uint64_t slice = 0; slice < slices; ++slice) {
    while (at < points_.size() && points_[at].hash < slice << slice_shift_) ++at;
    starts_[slice] = at;
  }
}

std::size_t ConsistentHash::first_point(std::uint32_t hash) const {
  std::size_t at = starts_[static_cast<std::uint64_t>(hash) >> slice_shift_];
  while (at < points_.size() && points_[at].hash < hash) ++at;
  return at == points_.size() ? 0 : at;
}

void ConsistentHash::set_usable(std::span<const std::uint8_t> usable) {
  usable_count_ = 0;
  for (auto& entry : entries_) {
    entry.usable = usable.empty() || (entry.index < usable.size() && usable[entry.index] != 0);
    if (entry.usable && entry.units > 0) ++usable_count_;
  }
}

bool ConsistentHash::any_left(const TriedSet* tried) const {
  if (tried == nullptr || usable_count_ > tried->size()) return usable_count_ > 0;
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    return entry.usable && entry.units > 0 && !tried->contains(entry.index);
  });
}

NodeIndex ConsistentHash::pick(const PickInput& input) {
  return peek(input);
}

NodeIndex ConsistentHash::peek(const PickInput& input) const {
  if (!any_left(input.tried)) return kNoNode;
  std::size_t at = first_point(base::crc32(input.hash_key));
  while (true) {
    const Entry& entry = entries_[points_[at].entry];
    if (entry.usable && (input.tried == nullptr || !input.tried->contains(entry.index))) return entry.index;
    if (++at == points_.size()) at = 0;
  }
}

}  // namespace apisix::upstream
