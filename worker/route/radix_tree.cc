#include "worker/route/radix_tree.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "shared/base/check.h"

namespace apisix::route {

// One block: this head, edges[child_count] (first bytes, ascending), label, and, aligned, the children. What
// a descent looks at comes first. The byte of the edge that leads to a node is with its parent, not in the
// label.
struct RadixNode {
  std::uint32_t value;
  std::uint16_t label_size;
  std::uint16_t child_count;

  static std::size_t children_at(std::size_t children, std::size_t label) {
    return (sizeof(RadixNode) + children + label + 7) / 8 * 8;
  }
  static std::size_t bytes(std::size_t children, std::size_t label) {
    return children_at(children, label) + children * sizeof(RadixNode*);
  }

  unsigned char* edges() { return reinterpret_cast<unsigned char*>(this + 1); }
  const unsigned char* edges() const { return reinterpret_cast<const unsigned char*>(this + 1); }
  char* label_bytes() { return reinterpret_cast<char*>(edges() + child_count); }
  std::string_view label() const {
    return {reinterpret_cast<const char*>(edges() + child_count), label_size};
  }
  RadixNode** children() {
    return reinterpret_cast<RadixNode**>(reinterpret_cast<char*>(this) +
                                         children_at(child_count, label_size));
  }
  RadixNode* child(std::size_t at) const { return const_cast<RadixNode*>(this)->children()[at]; }

  // child_count when there is none.
  std::size_t child_at(unsigned char edge) const {
    const void* found = child_count == 0 ? nullptr : std::memchr(edges(), edge, child_count);
    return found == nullptr ? child_count : static_cast<const unsigned char*>(found) - edges();
  }
};

static_assert(sizeof(RadixNode) == 8);

namespace {

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t at = 0;
  while (at < most && a[at] == b[at]) ++at;
  return at;
}

void copy_children(RadixNode* to, RadixNode* from) {
  std::memcpy(to->edges(), from->edges(), from->child_count);
  std::memcpy(to->children(), from->children(), from->child_count * sizeof(RadixNode*));
}

}  // namespace

RadixNode* RadixForest::make(std::uint32_t value, std::size_t children, std::size_t label) {
  void* memory = pool_.allocate(RadixNode::bytes(children, label));
  return new (memory)
      RadixNode{value, static_cast<std::uint16_t>(label), static_cast<std::uint16_t>(children)};
}

void RadixForest::drop(RadixNode* node) {
  pool_.release(node, RadixNode::bytes(node->child_count, node->label_size));
}

RadixNode* RadixForest::make_leaf(std::string_view label) {
  RadixNode* node = make(RadixTree::kNoValue, 0, label.size());
  label.copy(node->label_bytes(), label.size());
  return node;
}

// A copy with another label; the old block is freed.
RadixNode* RadixForest::with_label(RadixNode* old, std::string_view label) {
  RadixNode* node = make(old->value, old->child_count, label.size());
  label.copy(node->label_bytes(), label.size());
  copy_children(node, old);
  drop(old);
  return node;
}

RadixNode* RadixForest::with_child(RadixNode* old, unsigned char edge, RadixNode* child) {
  RadixNode* node = make(old->value, old->child_count + 1U, old->label_size);
  const unsigned char* edges = old->edges();
  const std::size_t at = std::lower_bound(edges, edges + old->child_count, edge) - edges;
  const std::size_t after = old->child_count - at;
  std::memcpy(node->edges(), edges, at);
  std::memcpy(node->edges() + at + 1, edges + at, after);
  std::memcpy(node->children(), old->children(), at * sizeof(RadixNode*));
  std::memcpy(node->children() + at + 1, old->children() + at, after * sizeof(RadixNode*));
  old->label().copy(node->label_bytes(), old->label_size);
  node->edges()[at] = edge;
  node->children()[at] = child;
  drop(old);
  return node;
}

RadixNode* RadixForest::without_child(RadixNode* old, std::size_t at) {
  RadixNode* node = make(old->value, old->child_count - 1U, old->label_size);
  const std::size_t after = old->child_count - at - 1;
  std::memcpy(node->edges(), old->edges(), at);
  std::memcpy(node->edges() + at, old->edges() + at + 1, after);
  std::memcpy(node->children(), old->children(), at * sizeof(RadixNode*));
  std::memcpy(node->children() + at, old->children() + at + 1, after * sizeof(RadixNode*));
  old->label().copy(node->label_bytes(), old->label_size);
  drop(old);
  return node;
}

// Cuts the label at `at`: what is before it becomes a new node with the old one as its only child.
RadixNode* RadixForest::split(RadixNode* old, std::size_t at) {
  RadixNode* upper = make(RadixTree::kNoValue, 1, at);
  upper->edges()[0] = static_cast<unsigned char>(old->label()[at]);
  old->label().copy(upper->label_bytes(), at);
  upper->children()[0] = with_label(old, old->label().substr(at + 1));
  return upper;
}

// A node without value and with one child is joined with it.
RadixNode* RadixForest::merged(RadixNode* node) {
  if (node->value != RadixTree::kNoValue || node->child_count != 1) return node;
  RadixNode* child = node->children()[0];
  RadixNode* joined = make(child->value, child->child_count, node->label_size + 1U + child->label_size);
  copy_children(joined, child);
  char* label = joined->label_bytes();
  label += node->label().copy(label, node->label_size);
  *label++ = static_cast<char>(node->edges()[0]);
  child->label().copy(label, child->label_size);
  drop(node);
  drop(child);
  return joined;
}

std::uint32_t& RadixForest::insert(RadixTree& tree, std::string_view key) {
  CHECK(key.size() <= kKeyBytesMax);
  if (tree.root == nullptr) {
    tree.root = make_leaf(key);
    return tree.root->value;
  }
  RadixNode** link = &tree.root;
  for (;;) {
    const std::size_t shared = common_prefix((*link)->label(), key);
    if (shared < (*link)->label_size) *link = split(*link, shared);
    if (shared == key.size()) return (*link)->value;
    const auto edge = static_cast<unsigned char>(key[shared]);
    key.remove_prefix(shared + 1);
    const std::size_t at = (*link)->child_at(edge);
    if (at == (*link)->child_count) {
      RadixNode* leaf = make_leaf(key);
      *link = with_child(*link, edge, leaf);
      return leaf->value;
    }
    link = &(*link)->children()[at];
  }
}

std::uint32_t RadixTree::find(std::string_view key) const {
  const RadixNode* node = root;
  while (node != nullptr && key.starts_with(node->label())) {
    key.remove_prefix(node->label_size);
    if (key.empty()) return node->value;
    const std::size_t at = node->child_at(static_cast<unsigned char>(key.front()));
    if (at == node->child_count) break;
    key.remove_prefix(1);
    node = node->child(at);
  }
  return kNoValue;
}

bool RadixForest::erase(RadixTree& tree, std::string_view key) {
  RadixNode** parent = nullptr;
  RadixNode** link = &tree.root;
  std::size_t at = 0;  // of *link among its parent's children
  while (*link != nullptr && key.starts_with((*link)->label())) {
    RadixNode* node = *link;
    key.remove_prefix(node->label_size);
    if (!key.empty()) {
      at = node->child_at(static_cast<unsigned char>(key.front()));
      if (at == node->child_count) return false;
      key.remove_prefix(1);
      parent = link;
      link = &node->children()[at];
      continue;
    }
    if (node->value == RadixTree::kNoValue) return false;
    node->value = RadixTree::kNoValue;
    if (node->child_count != 0) {
      *link = merged(node);
      return true;
    }
    drop(node);
    if (parent == nullptr) {
      tree.root = nullptr;
    } else {
      *parent = merged(without_child(*parent, at));
    }
    return true;
  }
  return false;
}

PrefixWalk::PrefixWalk(const RadixTree& tree, std::string_view text) : tree_(tree), text_(text) {
  descend(text.size() + 1);
}

// Collects the hits that are shorter than `length_end`.
void PrefixWalk::descend(std::size_t length_end) {
  found_ = 0;
  given_ = 0;
  const RadixNode* node = tree_.root;
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
    node = node->child(child);
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
