// Recycled: memory of objects of one class that ended is used again by the next ones of it, so that a class
// of which each request has one costs no malloc on a warm thread. For final classes: all objects have one
// size.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace apisix::base {

template <typename T>
class Recycled {
 public:
  static void* operator new(std::size_t bytes) {
    Kept& kept = kept_memory();
    return kept.count > 0 ? kept.memory[--kept.count] : ::operator new(bytes);
  }
  static void operator delete(void* memory) {
    Kept& kept = kept_memory();
    if (kept.count < kept.memory.size()) {
      kept.memory[kept.count++] = memory;
    } else {
      ::operator delete(memory);
    }
  }

 private:
  static constexpr std::size_t kKeptMax = 64;

  struct Kept {
    std::array<void*, kKeptMax> memory;
    std::size_t count = 0;
    ~Kept() {
      while (count > 0) ::operator delete(memory[--count]);
    }
  };

  static Kept& kept_memory() {
    static thread_local Kept kept;
    return kept;
  }
};

}  // namespace apisix::base
