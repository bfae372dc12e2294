#include "shared/net/buffer_chain.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "shared/base/check.h"

namespace apisix::net {

struct BufferChain::Chunk {
  Chunk* next = nullptr;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  char* data() { return reinterpret_cast<char*>(this + 1); }
  std::size_t room() const { return kChunkBytes - sizeof(Chunk) - end; }
};

namespace {

// Free chunks kept for reuse: 8 MiB at most.
constexpr std::size_t kFreeChunksMax = 256;

struct ChunkPool {
  void* free[kFreeChunksMax];
  std::size_t size = 0;
  ~ChunkPool() {
    while (size > 0) std::free(free[--size]);
  }
};

ChunkPool& chunk_pool() {
  static thread_local ChunkPool pool;
  return pool;
}

}  // namespace

BufferChain::BufferChain(BufferChain&& other) noexcept
    : first_(std::exchange(other.first_, nullptr)),
      last_(std::exchange(other.last_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

BufferChain::Chunk* BufferChain::take_chunk() {
  ChunkPool& pool = chunk_pool();
  void* memory = pool.size > 0 ? pool.free[--pool.size] : std::malloc(kChunkBytes);
  CHECK(memory != nullptr);
  return new (memory) Chunk;
}

void BufferChain::give_back(Chunk* chunk) {
  ChunkPool& pool = chunk_pool();
  if (pool.size < kFreeChunksMax) {
    pool.free[pool.size++] = chunk;
  } else {
    std::free(chunk);
  }
}

void BufferChain::append(std::string_view bytes) {
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    if (last_ == nullptr || last_->room() == 0) {
      Chunk* chunk = take_chunk();
      (last_ == nullptr ? first_ : last_->next) = chunk;
      last_ = chunk;
    }
    const std::size_t part = std::min(last_->room(), bytes.size());
    std::memcpy(last_->data() + last_->end, bytes.data(), part);
    last_->end += static_cast<std::uint32_t>(part);
    bytes.remove_prefix(part);
  }
}

void BufferChain::append_rest(std::span<const iovec> pieces, std::size_t skip) {
  for (const iovec& piece : pieces) {
    const std::size_t skipped = std::min(skip, piece.iov_len);
    skip -= skipped;
    append({static_cast<const char*>(piece.iov_base) + skipped, piece.iov_len - skipped});
  }
}

void BufferChain::prepend(std::string_view bytes) {
  BufferChain front;
  front.append(bytes);
  if (front.empty()) return;
  (empty() ? last_ : front.last_->next) = empty() ? front.last_ : first_;
  first_ = std::exchange(front.first_, nullptr);
  bytes_ += std::exchange(front.bytes_, 0);
}

std::size_t BufferChain::front(std::span<iovec> into) const {
  std::size_t count = 0;
  for (Chunk* chunk = first_; chunk != nullptr && count < into.size(); chunk = chunk->next) {
    into[count++] = {chunk->data() + chunk->begin, chunk->end - chunk->begin};
  }
  return count;
}

void BufferChain::consume(std::size_t bytes) {
  CHECK(bytes <= bytes_);
  bytes_ -= bytes;
  while (bytes > 0) {
    const std::size_t part = std::min<std::size_t>(bytes, first_->end - first_->begin);
    first_->begin += static_cast<std::uint32_t>(part);
    bytes -= part;
    if (first_->begin < first_->end) break;
    give_back(std::exchange(first_, first_->next));
    if (first_ == nullptr) last_ = nullptr;
  }
}

void BufferChain::clear() {
  while (first_ != nullptr) give_back(std::exchange(first_, first_->next));
  last_ = nullptr;
  bytes_ = 0;
}

}  // namespace apisix::net
