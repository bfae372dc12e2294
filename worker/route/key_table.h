// A hash table (space, byte string) -> Value, built for lookups: one probe of 8-byte slots, then one 64-byte
// node that holds the value and, up to 40 bytes, the key itself. `space` separates the keys of different
// hosts. Growing re-places slots only (8 bytes each); nodes never move, so a Value's address is stable until
// erased.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace apisix::route {

std::uint64_t hash_of_key(std::string_view key);

inline std::uint32_t mixed_with_space(std::uint64_t hash, std::uint32_t space) {
  return static_cast<std::uint32_t>(((hash ^ (space * 0x9E3779B97F4A7C15U)) * 0xD6E8FEB86659FD93U) >> 32);
}

template <typename Value>
class KeyTable {
 public:
  KeyTable() = default;
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;
  ~KeyTable() {
    for (const Slot& slot : slots_) {
      if (slot.node != 0) free_key(node(slot.node));
    }
  }

  std::size_t size() const { return size_; }

  // `hash` is hash_of_key(key): computed once, used for several spaces. nullptr when there is none.
  const Value* find(std::uint32_t space, std::string_view key, std::uint64_t hash) const {
    const std::size_t at = slot_of(space, key, hash);
    return at == kNone ? nullptr : &node(slots_[at].node).value;
  }
  Value* find(std::uint32_t space, std::string_view key) {
    const std::size_t at = slot_of(space, key, hash_of_key(key));
    return at == kNone ? nullptr : &node(slots_[at].node).value;
  }

  // Makes an empty Value when the key is new.
  Value& insert(std::uint32_t space, std::string_view key) {
    const std::uint64_t hash = hash_of_key(key);
    const std::size_t found = slot_of(space, key, hash);
    if (found != kNone) return node(slots_[found].node).value;
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    const std::uint32_t taken = take_node();
    Node& fresh = node(taken);
    fresh.value = Value();
    fresh.space = space;
    fresh.key_size = static_cast<std::uint32_t>(key.size());
    char* bytes = fresh.text;
    if (key.size() > kInlineBytes) bytes = fresh.heap = new char[key.size()];
    key.copy(bytes, key.size());
    place({mixed_with_space(hash, space), taken});
    ++size_;
    return fresh.value;
  }

  bool erase(std::uint32_t space, std::string_view key) {
    std::size_t hole = slot_of(space, key, hash_of_key(key));
    if (hole == kNone) return false;
    give_back(slots_[hole].node);
    --size_;
    // Move later slots of the run up, so that no probe stops at the hole too early.
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = (hole + 1) & mask; slots_[at].node != 0; at = (at + 1) & mask) {
      const std::size_t home = slots_[at].hash & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = {};
    return true;
  }

  std::size_t memory_bytes() const {
    std::size_t total = slots_.capacity() * sizeof(Slot) + chunks_.size() * kChunkNodes * sizeof(Node);
    for (const Slot& slot : slots_) {
      if (slot.node != 0 && node(slot.node).key_size > kInlineBytes) total += node(slot.node).key_size + 16;
    }
    return total;
  }

 private:
  static constexpr std::size_t kInlineBytes = 40;
  static constexpr std::size_t kChunkNodes = 256;
  static constexpr std::size_t kNone = SIZE_MAX;

  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t node = 0;  // 0 = the slot is empty; else the node's number from 1
  };
  struct alignas(64) Node {
    Value value{};
    std::uint32_t space = 0;
    std::uint32_t key_size = 0;
    union {
      char text[kInlineBytes];
      char* heap;
      std::uint32_t next_free;
    };
    Node() : next_free(0) {}
    std::string_view key() const { return {key_size > kInlineBytes ? heap : text, key_size}; }
  };

  Node& node(std::uint32_t number) { return chunks_[(number - 1) / kChunkNodes][(number - 1) % kChunkNodes]; }
  const Node& node(std::uint32_t number) const {
    return chunks_[(number - 1) / kChunkNodes][(number - 1) % kChunkNodes];
  }

  std::size_t slot_of(std::uint32_t space, std::string_view key, std::uint64_t hash) const {
    if (size_ == 0) return kNone;
    const std::uint32_t wanted = mixed_with_space(hash, space);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = wanted & mask; slots_[at].node != 0; at = (at + 1) & mask) {
      if (slots_[at].hash != wanted) continue;
      const Node& candidate = node(slots_[at].node);
      if (candidate.space == space && candidate.key() == key) return at;
    }
    return kNone;
  }

  void place(Slot slot) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = slot.hash & mask;
    while (slots_[at].node != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.node != 0) place(slot);
    }
  }

  std::uint32_t take_node() {
    if (free_ == 0) {
      const auto first = static_cast<std::uint32_t>(chunks_.size() * kChunkNodes);
      chunks_.push_back(std::make_unique<Node[]>(kChunkNodes));
      for (std::uint32_t i = kChunkNodes; i > 0; --i) {
        node(first + i).next_free = free_;
        free_ = first + i;
      }
    }
    const std::uint32_t taken = free_;
    free_ = node(taken).next_free;
    return taken;
  }

  void give_back(std::uint32_t number) {
    Node& gone = node(number);
    free_key(gone);
    gone.value = Value();
    gone.key_size = 0;
    gone.next_free = free_;
    free_ = number;
  }

  static void free_key(Node& gone) {
    if (gone.key_size > kInlineBytes) delete[] gone.heap;
  }

  std::vector<Slot> slots_;  // a power of two, at most three quarters used
  std::vector<std::unique_ptr<Node[]>> chunks_;
  std::uint32_t free_ = 0;
  std::size_t size_ = 0;
};

}  // namespace apisix::route
