// A hash table (space, byte string) -> Value, built for lookups: one probe of slots, then one 64-byte node
// that holds the value and, up to 40 bytes, the key itself. `space` separates the keys of different hosts.
// Invariant: nodes never move; a Value's address is stable until it is erased.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "worker/route/slot_table.h"

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
    for (const auto& chunk : chunks_) {
      for (std::size_t i = 0; i < kChunkNodes; ++i) free_key(chunk[i]);
    }
  }

  std::size_t size() const { return slots_.size(); }

  // `hash` is hash_of_key(key): computed once, used for several spaces. nullptr when there is none.
  const Value* find(std::uint32_t space, std::string_view key, std::uint64_t hash) const {
    const std::uint32_t number = number_of(space, key, mixed_with_space(hash, space));
    return number == 0 ? nullptr : &node(number).value;
  }
  Value* find(std::uint32_t space, std::string_view key) {
    const std::uint32_t number = number_of(space, key, mixed_with_space(hash_of_key(key), space));
    return number == 0 ? nullptr : &node(number).value;
  }

  // Makes an empty Value when the key is new.
  Value& insert(std::uint32_t space, std::string_view key) {
    const std::uint32_t hash = mixed_with_space(hash_of_key(key), space);
    const std::uint32_t found = number_of(space, key, hash);
    if (found != 0) return node(found).value;
    const std::uint32_t taken = take_node();
    Node& fresh = node(taken);
    fresh.space = space;
    fresh.key_size = static_cast<std::uint32_t>(key.size());
    char* bytes = fresh.text;
    if (key.size() > kInlineBytes) bytes = fresh.heap = new char[key.size()];
    key.copy(bytes, key.size());
    slots_.insert(hash, taken);
    return fresh.value;
  }

  bool erase(std::uint32_t space, std::string_view key) {
    const std::uint32_t hash = mixed_with_space(hash_of_key(key), space);
    const std::uint32_t number = number_of(space, key, hash);
    if (number == 0) return false;
    slots_.erase(hash, number);
    Node& gone = node(number);
    free_key(gone);
    gone.value = Value();
    gone.key_size = 0;
    gone.next_free = free_;
    free_ = number;
    return true;
  }

  std::size_t memory_bytes() const {
    std::size_t total = slots_.memory_bytes() + chunks_.size() * kChunkNodes * sizeof(Node);
    for (const auto& chunk : chunks_) {
      for (std::size_t i = 0; i < kChunkNodes; ++i) {
        if (chunk[i].key_size > kInlineBytes) total += chunk[i].key_size + 16;
      }
    }
    return total;
  }

 private:
  static constexpr std::size_t kInlineBytes = 40;
  static constexpr std::size_t kChunkNodes = 256;

  struct alignas(64) Node {
    Value value{};
    std::uint32_t space = 0;
    std::uint32_t key_size = 0;  // 0 as well while the node is free
    union {
      char text[kInlineBytes];
      char* heap;
      std::uint32_t next_free;
    };
    Node() : next_free(0) {}
    std::string_view key() const { return {key_size > kInlineBytes ? heap : text, key_size}; }
  };

  // Numbers count from 1.
  Node& node(std::uint32_t number) { return chunks_[(number - 1) / kChunkNodes][(number - 1) % kChunkNodes]; }
  const Node& node(std::uint32_t number) const {
    return chunks_[(number - 1) / kChunkNodes][(number - 1) % kChunkNodes];
  }

  std::uint32_t number_of(std::uint32_t space, std::string_view key, std::uint32_t hash) const {
    return slots_.find(hash, [&](std::uint32_t number) {
      const Node& candidate = node(number);
      return candidate.space == space && candidate.key() == key;
    });
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

  static void free_key(Node& gone) {
    if (gone.key_size > kInlineBytes) delete[] gone.heap;
  }

  SlotTable slots_;
  std::vector<std::unique_ptr<Node[]>> chunks_;
  std::uint32_t free_ = 0;
};

}  // namespace apisix::route
