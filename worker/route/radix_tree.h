// Compressed radix trees over byte strings, key -> 32-bit value, many trees in one pool of memory. Edited in
// place: insert and erase cost O(key length). A node is one small block: value, one byte and one pointer per
// child, label; a leaf is usually 16 bytes. Value 0 means "no value".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "worker/route/node_pool.h"

namespace apisix::route {

struct RadixNode;

// One tree, empty at first. A plain handle: the nodes belong to the forest that it was edited with.
struct RadixTree {
  RadixNode* root = nullptr;

  static constexpr std::uint32_t kNoValue = 0;
  bool empty() const { return root == nullptr; }
  // kNoValue when the key is not stored.
  std::uint32_t find(std::string_view key) const;
};

class RadixForest {
 public:
  static constexpr std::size_t kKeyBytesMax = 65535;

  // The value's place, created with kNoValue when the key is new; the caller then stores another value.
  // Valid until the next edit. The key is at most kKeyBytesMax long.
  std::uint32_t& insert(RadixTree& tree, std::string_view key);
  bool erase(RadixTree& tree, std::string_view key);

  std::size_t used_bytes() const { return pool_.used_bytes(); }
  std::size_t memory_bytes() const { return pool_.memory_bytes(); }

 private:
  RadixNode* make(std::uint32_t value, std::size_t children, std::size_t label);
  void drop(RadixNode* node);
  RadixNode* make_leaf(std::string_view label);
  RadixNode* with_label(RadixNode* old, std::string_view label);
  RadixNode* with_child(RadixNode* old, unsigned char edge, RadixNode* child);
  RadixNode* without_child(RadixNode* old, std::size_t at);
  RadixNode* split(RadixNode* old, std::size_t at);
  RadixNode* merged(RadixNode* node);

  NodePool pool_;
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

  const RadixTree tree_;
  const std::string_view text_;
  std::array<Hit, kHitsKept> hits_;
  std::size_t found_ = 0;  // of this descent, those that were dropped included
  std::size_t given_ = 0;
};

}  // namespace apisix::route
