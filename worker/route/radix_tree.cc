#include "worker/route/radix_tree.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include <malloc.h>

#include "shared/base/check.h"

namespace apisix::route {

// One block: this head, children[child_count], edges[child_count] (first bytes, ascending), label.
// The byte of the edge that leads to a node is with its parent and not part of the node's label.
struct RadixTree::Node {
  std::uint32_t value;
  std::uint16_t label_size;
  std::uint16_t child_count;

  static std::size_t bytes(std::size_t children, std::size_t label) {
    return sizeof(Node) + children * (sizeof(Node*) + 1) + label;
  }
  static Node* make(std::uint32_t value, std::size_t children, std::size_t label) {
    void* memory = std::malloc(bytes(children, label));
    if (memory == nullptr) throw std::bad_alloc();
    return new (memory) Node{value, static_cast<std::uint16_t>(label), static_cast<std::uint16_t>(children)};
  }

  Node** children() { return reinterpret_cast<Node**>(this + 1); }
  const Node* const* children() const { return reinterpret_cast<const Node* const*>(this + 1); }
  unsigned char* edges() { return reinterpret_cast<unsigned char*>(children() + child_count); }
  const unsigned char* edges() const {
    return reinterpret_cast<const unsigned char*>(children() + child_count);
  }
  char* label_bytes() { return reinterpret_cast<char*>(edges() + child_count); }
  std::string_view label() const {
    return {reinterpret_cast<const char*>(edges() + child_count), label_size};
  }

  // child_count when there is none.
  std::size_t child_at(unsigned char edge) const {
    const void* found = child_count == 0 ? nullptr : std::memchr(edges(), edge, child_count);
    return found == nullptr ? child_count : static_cast<const unsigned char*>(found) - edges();
  }
};

namespace {

using Node = RadixTree::Node;

static_assert(alignof(Node*) <= 8 && sizeof(Node) == 8);

Node* make_leaf(std::string_view label) {
  Node* node = Node::make(RadixTree::kNoValue, 0, label.size());
  label.copy(node->label_bytes(), label.size());
  return node;
}

// A copy with another label; the old block is freed.
Node* with_label(Node* old, std::string_view label) {
  Node* node = Node::make(old->value, old->child_count, label.size());
  std::memcpy(node->children(), old->children(), old->child_count * sizeof(Node*));
  std::memcpy(node->edges(), old->edges(), old->child_count);
  label.copy(node->label_bytes(), label.size());
  std::free(old);
  return node;
}

Node* with_child(Node* old, unsigned char edge, Node* child) {
  Node* node = Node::make(old->value, old->child_count + 1U, old->label_size);
  const unsigned char* edges = old->edges();
  const std::size_t at = std::lower_bound(edges, edges + old->child_count, edge) - edges;
  const std::size_t after = old->child_count - at;
  std::memcpy(node->children(), old->children(), at * sizeof(Node*));
  std::memcpy(node->children() + at + 1, old->children() + at, after * sizeof(Node*));
  std::memcpy(node->edges(), edges, at);
  std::memcpy(node->edges() + at + 1, edges + at, after);
  std::memcpy(node->label_bytes(), old->label_bytes(), old->label_size);
  node->children()[at] = child;
  node->edges()[at] = edge;
  std::free(old);
  return node;
}

Node* without_child(Node* old, std::size_t at) {
  Node* node = Node::make(old->value, old->child_count - 1U, old->label_size);
  const std::size_t after = old->child_count - at - 1;
  std::memcpy(node->children(), old->children(), at * sizeof(Node*));
  std::memcpy(node->children() + at, old->children() + at + 1, after * sizeof(Node*));
  std::memcpy(node->edges(), old->edges(), at);
  std::memcpy(node->edges() + at, old->edges() + at + 1, after);
  std::memcpy(node->label_bytes(), old->label_bytes(), old->label_size);
  std::free(old);
  return node;
}

// Cuts the label at `at`: what is before it becomes a new node with the old one as its only child.
Node* split(Node* old, std::size_t at) {
  Node* upper = Node::make(RadixTree::kNoValue, 1, at);
  upper->edges()[0] = static_cast<unsigned char>(old->label()[at]);
  std::memcpy(upper->label_bytes(), old->label_bytes(), at);
  upper->children()[0] = with_label(old, old->label().substr(at + 1));
  return upper;
}

// A node without value and with one child is joined with it.
Node* merged(Node* node) {
  if (node->value != RadixTree::kNoValue || node->child_count != 1) return node;
  Node* child = node->children()[0];
  const std::size_t size = node->label_size + 1U + child->label_size;
  Node* joined = Node::make(child->value, child->child_count, size);
  std::memcpy(joined->children(), child->children(), child->child_count * sizeof(Node*));
  std::memcpy(joined->edges(), child->edges(), child->child_count);
  char* label = joined->label_bytes();
  std::memcpy(label, node->label_bytes(), node->label_size);
  label[node->label_size] = static_cast<char>(node->edges()[0]);
  std::memcpy(label + node->label_size + 1, child->label_bytes(), child->label_size);
  std::free(node);
  std::free(child);
  return joined;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t at = 0;
  while (at < most && a[at] == b[at]) ++at;
  return at;
}

}  // namespace

RadixTree& RadixTree::operator=(RadixTree&& other) noexcept {
  if (this != &other) {
    clear();
    root_ = other.root_;
    other.root_ = nullptr;
  }
  return *this;
}

std::uint32_t& RadixTree::insert(std::string_view key) {
  CHECK(key.size() <= kKeyBytesMax);
  if (root_ == nullptr) {
    root_ = make_leaf(key);
    return root_->value;
  }
  Node** link = &root_;
  for (;;) {
    const std::size_t shared = common_prefix((*link)->label(), key);
    if (shared < (*link)->label_size) *link = split(*link, shared);
    if (shared == key.size()) return (*link)->value;
    const auto edge = static_cast<unsigned char>(key[shared]);
    key.remove_prefix(shared + 1);
    const std::size_t at = (*link)->child_at(edge);
    if (at == (*link)->child_count) {
      Node* leaf = make_leaf(key);
      *link = with_child(*link, edge, leaf);
      return leaf->value;
    }
    link = &(*link)->children()[at];
  }
}

std::uint32_t RadixTree::find(std::string_view key) const {
  const Node* node = root_;
  while (node != nullptr && key.starts_with(node->label())) {
    key.remove_prefix(node->label_size);
    if (key.empty()) return node->value;
    const std::size_t at = node->child_at(static_cast<unsigned char>(key.front()));
    if (at == node->child_count) break;
    key.remove_prefix(1);
    node = node->children()[at];
  }
  return kNoValue;
}

bool RadixTree::erase(std::string_view key) {
  Node** parent = nullptr;
  Node** link = &root_;
  std::size_t at = 0;  // of *link among its parent's children
  while (*link != nullptr && key.starts_with((*link)->label())) {
    Node* node = *link;
    key.remove_prefix(node->label_size);
    if (key.empty()) {
      if (node->value == kNoValue) return false;
      node->value = kNoValue;
      if (node->child_count != 0) {
        *link = merged(node);
        return true;
      }
      std::free(node);
      if (parent == nullptr) {
        root_ = nullptr;
      } else {
        *parent = merged(without_child(*parent, at));
      }
      return true;
    }
    at = node->child_at(static_cast<unsigned char>(key.front()));
    if (at == node->child_count) return false;
    key.remove_prefix(1);
    parent = link;
    link = &node->children()[at];
  }
  return false;
}

void RadixTree::clear() {
  // Not recursive: keys that are prefixes of each other make a tree as deep as the longest key.
  std::vector<Node*> left;
  if (root_ != nullptr) left.push_back(root_);
  root_ = nullptr;
  while (!left.empty()) {
    Node* node = left.back();
    left.pop_back();
    left.insert(left.end(), node->children(), node->children() + node->child_count);
    std::free(node);
  }
}

std::size_t RadixTree::memory_bytes() const {
  std::size_t total = 0;
  std::vector<const Node*> left;
  if (root_ != nullptr) left.push_back(root_);
  while (!left.empty()) {
    const Node* node = left.back();
    left.pop_back();
    left.insert(left.end(), node->children(), node->children() + node->child_count);
    total += ::malloc_usable_size(const_cast<Node*>(node)) + sizeof(std::size_t);
  }
  return total;
}

PrefixWalk::PrefixWalk(const RadixTree& tree, std::string_view text) : tree_(tree), text_(text) {
  descend(text.size() + 1);
}

// Collects the hits that are shorter than `length_end`.
void PrefixWalk::descend(std::size_t length_end) {
  found_ = 0;
  given_ = 0;
  const Node* node = tree_.root_;
  std::size_t at = 0;
  while (node != nullptr && text_.substr(at).starts_with(node->label())) {
    at += node->label_size;
    if (at >= length_end) return;
    if (node->value != RadixTree::kNoValue) {
      hits_[found_++ % kHitsKept] = {node->value, static_cast<std::uint32_t>(at)};
    }
    if (at == text_.size()) return;
    const std::size_t child = node->child_at(static_cast<unsigned char>(text_[at]));
    if (child == node->child_count) return;
    ++at;
    node = node->children()[child];
  }
}

bool PrefixWalk::next(std::uint32_t& value, std::size_t& length) {
  if (given_ == kHitsKept && found_ > kHitsKept) {
    // The ring is used up and older hits were overwritten: descend again, for those alone.
    const std::size_t shortest = hits_[found_ % kHitsKept].length;
    descend(shortest);
  }
  if (given_ == found_) return false;
  const Hit& hit = hits_[(found_ - 1 - given_) % kHitsKept];
  ++given_;
  value = hit.value;
  length = hit.length;
  return true;
}

}  // namespace apisix::route
