#include "shared/base/arena.h"

#include <cstdlib>

#include "shared/base/check.h"

namespace apisix::base {
namespace {

// Blocks of kBlockBytes that no arena uses; a worker is one thread. Bounded so that a burst of
// requests does not keep its peak.
constexpr std::size_t kFreeBlocksMax = 1024;

struct FreeList {
  struct Node {
    Node* next;
  };
  Node* head = nullptr;
  std::size_t size = 0;

  ~FreeList() {
    while (head != nullptr) std::free(take());
  }
  void* take() {
    Node* node = head;
    head = node->next;
    --size;
    return node;
  }
};

FreeList& free_blocks() {
  static thread_local FreeList list;
  return list;
}

}  // namespace

void* Arena::allocate_slow(std::size_t bytes, std::size_t alignment) {
  const std::size_t wanted = bytes + alignment + sizeof(Block);
  const std::size_t size = wanted > kBlockBytes ? wanted : kBlockBytes;
  FreeList& free_list = free_blocks();
  const bool reuse = size == kBlockBytes && free_list.head != nullptr;
  void* memory = reuse ? free_list.take() : std::malloc(size);
  CHECK(memory != nullptr);
  blocks_ = new (memory) Block{blocks_, size};
  bytes_ += size;
  char* begin = static_cast<char*>(memory) + sizeof(Block);
  const std::size_t padding = (alignment - reinterpret_cast<std::size_t>(begin) % alignment) % alignment;
  char* out = begin + padding;
  // A block of its own for something large; the current block keeps its rest.
  if (size > kBlockBytes && at_ != nullptr) return out;
  at_ = out + bytes;
  end_ = static_cast<char*>(memory) + size;
  return out;
}

void Arena::clear() {
  FreeList& free_list = free_blocks();
  while (blocks_ != nullptr) {
    Block* block = blocks_;
    blocks_ = block->next;
    if (block->bytes == kBlockBytes && free_list.size < kFreeBlocksMax) {
      auto* node = new (block) FreeList::Node{free_list.head};
      free_list.head = node;
      ++free_list.size;
    } else {
      std::free(block);
    }
  }
  at_ = end_ = nullptr;
  bytes_ = 0;
}

}  // namespace apisix::base
