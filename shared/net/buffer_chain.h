// BufferChain: a buffer of bytes to write, first in first out, in chunks from one pool per process.
// Empty on the fast path: a chain takes a chunk only under backpressure and gives it back when drained.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <sys/uio.h>

namespace apisix::net {

class BufferChain {
 public:
  static constexpr std::size_t kChunkBytes = 32 * 1024;

  BufferChain() = default;
  ~BufferChain() { clear(); }
  BufferChain(BufferChain&& other) noexcept;
  BufferChain& operator=(BufferChain&&) = delete;

  bool empty() const { return first_ == nullptr; }
  std::size_t bytes() const { return bytes_; }

  void append(std::string_view bytes);
  // Appends what a write of `pieces` left over after its first `skip` bytes.
  void append_rest(std::span<const iovec> pieces, std::size_t skip);
  // In front of what is there.
  void prepend(std::string_view bytes);
  // The front of the chain as at most `into.size()` pieces; returns how many.
  std::size_t front(std::span<iovec> into) const;
  void consume(std::size_t bytes);
  void clear();

 private:
  struct Chunk;
  static Chunk* take_chunk();
  static void give_back(Chunk* chunk);

  Chunk* first_ = nullptr;
  Chunk* last_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace apisix::net
