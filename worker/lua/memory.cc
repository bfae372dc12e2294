#include "worker/lua/memory.h"

#include <cstdlib>

namespace apisix::lua {

void* Memory::allocate(void* self, void* block, std::size_t old_bytes, std::size_t new_bytes) {
  auto& memory = *static_cast<Memory*>(self);
  if (new_bytes == 0) {
    std::free(block);
    memory.bytes_ -= old_bytes;
    return nullptr;
  }
  const std::size_t after = memory.bytes_ - old_bytes + new_bytes;
  const bool grows = new_bytes > old_bytes;
  if (grows && memory.enforced_ && memory.bytes_max_ != 0 && after > memory.bytes_max_) return nullptr;
  void* moved = std::realloc(block, new_bytes);
  // Lua takes for granted that a block can be made smaller.
  if (moved == nullptr) return grows ? nullptr : block;
  memory.bytes_ = after;
  return moved;
}

}  // namespace apisix::lua
