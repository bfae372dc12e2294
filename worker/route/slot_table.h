// The probing part of a hash table: 8-byte slots (hash, number), open addressing. What a number stands for is
// the user's. Growing looks at slots alone, so the one change in many thousand that grows a table of 100,000
// takes about a millisecond.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace apisix::route {

class SlotTable {
 public:
  // The first number of this hash for which `same(number)` is true; 0 = there is none.
  template <typename Same>
  std::uint32_t find(std::uint32_t hash, Same same) const {
    if (size_ == 0) return 0;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask; slots_[at].number != 0; at = (at + 1) & mask) {
      if (slots_[at].hash == hash && same(slots_[at].number)) return slots_[at].number;
    }
    return 0;
  }

  // `number` is not 0 and not in the table.
  void insert(std::uint32_t hash, std::uint32_t number);
  // It is in the table.
  void erase(std::uint32_t hash, std::uint32_t number);

  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number = 0;  // 0 = empty
  };

  void place(Slot slot);
  void grow();

  std::vector<Slot> slots_;  // a power of two, at most three quarters used
  std::size_t size_ = 0;
};

}  // namespace apisix::route
