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
  std::size_t total = 0;  // of the whole chain; in its last chunk

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

BufferChain::BufferChain(BufferChain&& other) noexcept : last_(std::exchange(other.last_, nullptr)) {}

std::size_t BufferChain::bytes_of(const Chunk& last) {
  return last.total;
}

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
  while (!bytes.empty()) {
    if (last_ == nullptr || last_->room() == 0) {
      Chunk* chunk = take_chunk();
      chunk->total = this->bytes();
      chunk->next = last_ == nullptr ? chunk : std::exchange(last_->next, chunk);
      last_ = chunk;
    }
    const std::size_t part = std::min(last_->room(), bytes.size());
    std::memcpy(last_->data() + last_->end, bytes.data(), part);
    last_->end += static_cast<std::uint32_t>(part);
    last_->total += part;
    bytes.remove_prefix(part);
  }
}

void BufferChain::append_rest(std::span<const iovec> pieces, std::size_t skip) {
  for (const iovec& piece : pieces) {
    if (skip >= piece.iov_len) {
      skip -= piece.iov_len;
      continue;
    }
    append({static_cast<const char*>(piece.iov_base) + skip, piece.iov_len - skip});
    skip = 0;
  }
}

void BufferChain::prepend(std::string_view bytes) {
  BufferChain front;
  front.append(bytes);
  if (front.empty()) return;
  if (empty()) {
    std::swap(last_, front.last_);
    return;
  }
  std::swap(last_->next, front.last_->next);  // two rings become one
  last_->total += front.bytes();
  front.last_ = nullptr;
}

std::size_t BufferChain::front(std::span<iovec> into) const {
  std::size_t count = 0;
  if (empty()) return count;
  Chunk* chunk = last_;
  do {
    chunk = chunk->next;
    if (count == into.size()) break;
    into[count++] = {chunk->data() + chunk->begin, chunk->end - chunk->begin};
  } while (chunk != last_);
  return count;
}

void BufferChain::drop_front() {
  Chunk* const first = last_->next;
  if (first == last_) {
    last_ = nullptr;
  } else {
    last_->next = first->next;
  }
  give_back(first);
}

void BufferChain::consume(std::size_t bytes) {
  CHECK(bytes <= this->bytes());
  while (bytes > 0) {
    Chunk& first = *last_->next;
    const std::size_t part = std::min<std::size_t>(bytes, first.end - first.begin);
    first.begin += static_cast<std::uint32_t>(part);
    last_->total -= part;
    bytes -= part;
    if (first.begin < first.end) break;
    drop_front();
  }
}

void BufferChain::clear() {
  while (!empty()) drop_front();
}

}  // namespace apisix::net
