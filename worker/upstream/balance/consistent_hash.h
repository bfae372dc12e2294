// ConsistentHash: the ring of APISIX's chash (lua-resty-chash, nginx's "hash ... consistent"): a key goes to
// the same node as in APISIX. Each unit of weight/gcd gives a node 160 points; the first is the CRC-32 of
// its id and four zero bytes, each further one that of its id and the point before, little-endian; the id is
// "host:port" with each ':' as a zero byte. A key belongs to the first point at or after its CRC-32.
//
// The ring holds every node; the unusable and the tried are walked past, so that the keys of the others stay.
// A ring is at most kPointsMax points; larger weights are scaled down (then it is no longer APISIX's).
#pragma once

#include <vector>

#include "worker/upstream/balance/picker.h"

namespace apisix::upstream {

class ConsistentHash final : public Picker {
 public:
  static constexpr std::uint64_t kPointsPerUnit = 160;
  static constexpr std::uint64_t kPointsMax = std::uint64_t{1} << 21;

  explicit ConsistentHash(std::vector<PickerEntry> entries);

  void set_usable(std::span<const std::uint8_t> usable) override;
  NodeIndex pick(const PickInput& input) override;
  NodeIndex peek(const PickInput& input) const override;

  std::size_t points() const { return points_.size(); }

 private:
  struct Point {
    std::uint32_t hash;
    std::uint32_t entry;
  };
  struct Entry {
    NodeIndex index;
    std::uint32_t units;  // weight / gcd, scaled to the bound; 0 = no points
    bool usable = true;
  };

  void set_units(const std::vector<PickerEntry>& entries);
  void add_points(std::uint32_t entry, std::string id);
  void sort_points();
  void index_points();
  std::size_t first_point(std::uint32_t hash) const;
  bool any_left(const TriedSet* tried) const;

  std::vector<Entry> entries_;
  std::vector<Point> points_;          // ascending by hash
  std::vector<std::uint32_t> starts_;  // first point of each equal slice of the hash space
  std::uint32_t slice_shift_ = 32;
  std::size_t usable_count_ = 0;
};

}  // namespace apisix::upstream
