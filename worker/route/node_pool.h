// Memory for many small blocks that are looked at together: blocks of one size are cut from shared chunks, so
// tree nodes lie close to each other and not between everything else that is allocated meanwhile, and cost no
// header. Freed blocks are used again for the same size; chunks are given back when the pool dies.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <unordered_set>
#include <vector>

namespace apisix::route {

class NodePool {
 public:
  NodePool() = default;
  ~NodePool();
  NodePool(const NodePool&) = delete;
  NodePool& operator=(const NodePool&) = delete;

  // Aligned to 8 bytes.
  void* allocate(std::size_t bytes);
  // `bytes` as it was allocated.
  void release(void* block, std::size_t bytes);

  // In use now, rounded up as allocated.
  std::size_t used_bytes() const { return used_bytes_; }
  // Taken from the system.
  std::size_t memory_bytes() const { return chunks_.size() * kChunkBytes + large_bytes_; }

 private:
  static constexpr std::size_t kChunkBytes = 16 * 1024;
  static constexpr std::size_t kStep = 8;
  static constexpr std::size_t kPooledBytesMax = 1024;  // larger blocks come from malloc

  struct Free {
    Free* next;
  };

  std::array<Free*, kPooledBytesMax / kStep + 1> free_{};
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::byte* at_ = nullptr;
  std::byte* end_ = nullptr;
  std::unordered_set<void*> large_;
  std::size_t used_bytes_ = 0;
  std::size_t large_bytes_ = 0;
};

}  // namespace apisix::route
