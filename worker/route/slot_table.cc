#include "worker/route/slot_table.h"

namespace apisix::route {

void SlotTable::insert(std::uint32_t hash, std::uint32_t number) {
  if ((size_ + 1) * 4 > slots_.size() * 3) grow();
  place({hash, number});
  ++size_;
}

void SlotTable::erase(std::uint32_t hash, std::uint32_t number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = hash & mask;
  while (slots_[hole].number != number) hole = (hole + 1) & mask;
  --size_;
  // Move later slots of the run up, so that no probe stops at the hole too early.
  for (std::size_t at = (hole + 1) & mask; slots_[at].number != 0; at = (at + 1) & mask) {
    const std::size_t home = slots_[at].hash & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = {};
}

void SlotTable::place(Slot slot) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = slot.hash & mask;
  while (slots_[at].number != 0) at = (at + 1) & mask;
  slots_[at] = slot;
}

void SlotTable::grow() {
  std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.number != 0) place(slot);
  }
}

}  // namespace apisix::route
