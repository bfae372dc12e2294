// A forest of compressed radix trees over byte strings: key -> 32-bit value. Edited in place: insert and
// erase cost O(key length). A node is one small block: its value, its label, and one byte and one pointer per
// child, so a leaf is usually 32 bytes. The owner of a Root destroys it with clear(); value 0 means "no
// value".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apisix::route {

class RadixTree {
 public:
  static constexpr std::size_t kKeyBytesMax = 65535;
  static constexpr std::uint32_t kNoValue = 0;

  RadixTree() = default;
  ~RadixTree() { clear(); }
  RadixTree(RadixTree&& other) noexcept : root_(other.root_) { other.root_ = nullptr; }
  RadixTree& operator=(RadixTree&& other) noexcept;

  // The value's place, created with kNoValue when the key is new; the caller then stores another value.
  // Valid until the next insert or erase. The key is at most kKeyBytesMax long.
  std::uint32_t& insert(std::string_view key);
  // kNoValue when the key is not stored.
  std::uint32_t find(std::string_view key) const;
  bool erase(std::string_view key);
  void clear();
  bool empty() const { return root_ == nullptr; }

  std::size_t memory_bytes() const;

  struct Node;

 private:
  friend class PrefixWalk;
  Node* root_ = nullptr;
};

// The stored keys that are prefixes of `text`, longest first. The tree must not change meanwhile.
class PrefixWalk {
 public:
  PrefixWalk(const RadixTree& tree, std::string_view text);

  // False when there is none left.
  bool next(std::uint32_t& value, std::size_t& length);

 private:
  struct Hit {
    std::uint32_t value;
    std::uint32_t length;
  };
  // The deepest hits of one descent; when a path has more, the descent is done again for the shorter ones.
  static constexpr std::size_t kHitsKept = 16;

  void descend(std::size_t length_end);

  const RadixTree& tree_;
  std::string_view text_;
  std::array<Hit, kHitsKept> hits_;
  std::size_t found_ = 0;  // of this descent, those that were dropped included
  std::size_t given_ = 0;
};

}  // namespace apisix::route
