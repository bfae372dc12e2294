#include "worker/route/node_pool.h"

#include <new>

namespace apisix::route {

NodePool::~NodePool() {
  for (void* block : large_) ::operator delete(block);
}

void* NodePool::allocate(std::size_t bytes) {
  bytes = (bytes + kStep - 1) / kStep * kStep;
  used_bytes_ += bytes;
  if (bytes > kPooledBytesMax) {
    large_bytes_ += bytes;
    return *large_.insert(::operator new(bytes)).first;
  }
  Free*& head = free_[bytes / kStep];
  if (head != nullptr) {
    Free* block = head;
    head = block->next;
    return block;
  }
  if (static_cast<std::size_t>(end_ - at_) < bytes) {
    // What is left of the old chunk is lost: less than one block of the largest size.
    chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kChunkBytes));
    at_ = chunks_.back().get();
    end_ = at_ + kChunkBytes;
  }
  void* block = at_;
  at_ += bytes;
  return block;
}

void NodePool::release(void* block, std::size_t bytes) {
  bytes = (bytes + kStep - 1) / kStep * kStep;
  used_bytes_ -= bytes;
  if (bytes > kPooledBytesMax) {
    large_bytes_ -= bytes;
    large_.erase(block);
    ::operator delete(block);
    return;
  }
  Free*& head = free_[bytes / kStep];
  head = new (block) Free{head};
}

}  // namespace apisix::route
