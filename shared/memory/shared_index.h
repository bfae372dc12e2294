// SharedIndex: a hash index over an array of entries in a zone: open addressing, ids in 32-bit words. It
// holds no truth: who owns the entries can always build it again, which is the repair when a process died
// inside. All calls run under the owner's lock.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <optional>

namespace apisix::memory {

class SharedIndex {
 public:
  // How many words for `entries`: at most half of them are in use.
  static constexpr std::size_t words_for(std::size_t entries) { return std::bit_ceil(entries * 2); }

  // `words`: words_for() zeroed ones. `tombstones` is kept beside them.
  SharedIndex(std::atomic<std::uint32_t>* words, std::size_t size, std::atomic<std::uint32_t>& tombstones)
      : words_(words), mask_(size - 1), tombstones_(tombstones) {}

  // The id for which `is_it` holds among those with about this hash.
  template <typename IsIt>
  std::optional<std::uint32_t> find(std::uint64_t hash, IsIt&& is_it) const {
    for (std::size_t i = 0; i <= mask_; ++i) {
      const std::uint32_t word = words_[(hash + i) & mask_].load(std::memory_order_relaxed);
      if (word == kEmpty) return std::nullopt;
      if (word != kTombstone && is_it(word - 1)) return word - 1;
    }
    return std::nullopt;
  }

  void put(std::uint32_t id, std::uint64_t hash) {
    std::size_t at = hash & mask_;
    for (;; at = (at + 1) & mask_) {
      const std::uint32_t word = words_[at].load(std::memory_order_relaxed);
      if (word == kTombstone) tombstones_.fetch_sub(1, std::memory_order_relaxed);
      if (word == kEmpty || word == kTombstone) break;
    }
    words_[at].store(id + 1, std::memory_order_release);
  }

  void remove(std::uint32_t id, std::uint64_t hash) {
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const std::uint32_t word = words_[at].load(std::memory_order_relaxed);
      if (word == kEmpty) return;
      if (word != id + 1) continue;
      words_[at].store(kTombstone, std::memory_order_relaxed);
      tombstones_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }

  // Lookups walk over too much of what was removed: clear() and put all again.
  bool is_worn() const { return tombstones_.load(std::memory_order_relaxed) > mask_ / 4; }
  void clear() {
    for (std::size_t i = 0; i <= mask_; ++i) words_[i].store(kEmpty, std::memory_order_relaxed);
    tombstones_.store(0, std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint32_t kEmpty = 0;
  static constexpr std::uint32_t kTombstone = 0xffff'ffff;  // others are id + 1

  std::atomic<std::uint32_t>* words_;
  std::size_t mask_;
  std::atomic<std::uint32_t>& tombstones_;
};

}  // namespace apisix::memory
