// Arena: everything one request allocates, freed in one go. Blocks come from a per-process free list,
// so a request on a warm worker costs no malloc. Nothing in it is ever destroyed: only trivially
// destructible things may live here.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace apisix::base {

class Arena {
 public:
  static constexpr std::size_t kBlockBytes = 4096;

  Arena() = default;
  ~Arena() { clear(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(std::size_t bytes, std::size_t alignment = alignof(std::max_align_t)) {
    const std::size_t padding = -reinterpret_cast<std::size_t>(at_) & (alignment - 1);  // a power of two
    if (bytes + padding > static_cast<std::size_t>(end_ - at_)) return allocate_slow(bytes, alignment);
    char* out = at_ + padding;
    at_ = out + bytes;
    return out;
  }

  template <typename T, typename... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (allocate(sizeof(T), alignof(T))) T{std::forward<Args>(args)...};
  }

  // Uninitialised characters.
  char* text(std::size_t bytes) { return static_cast<char*>(allocate(bytes, 1)); }

  // For text whose length is known only when it is written: what is left of the block, uninitialised, and
  // then how much of it was used. Nothing else may be allocated in between.
  std::span<char> room() const { return {at_, end_}; }
  void use_room(std::size_t bytes) { at_ += bytes; }

  std::string_view copy(std::string_view source) {
    if (source.empty()) return {};
    char* out = text(source.size());
    std::memcpy(out, source.data(), source.size());
    return {out, source.size()};
  }

  template <typename... Parts>
  std::string_view concat(const Parts&... parts) {
    const std::size_t total = (std::string_view(parts).size() + ...);
    char* out = text(total);
    char* at = out;
    ((at = append(at, std::string_view(parts))), ...);
    return {out, total};
  }

  // Gives all blocks back; every pointer into the arena is dead.
  void clear();
  // Bytes taken from the system for this arena: limits.h bounds it.
  std::size_t bytes() const { return bytes_; }

 private:
  struct Block {
    Block* next;
    std::size_t bytes;  // of the whole block, this header included
  };
  static char* append(char* at, std::string_view part) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    return at + part.size();
  }
  void* allocate_slow(std::size_t bytes, std::size_t alignment);

  char* at_ = nullptr;
  char* end_ = nullptr;
  Block* blocks_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace apisix::base
