#include "shared/http/h2/frame_output.h"

#include <new>

namespace apisix::h2 {
namespace {

// As many connections as usually write in one turn: 1 MiB.
constexpr std::size_t kKeptMax = 32;

struct Kept {
  std::array<char*, kKeptMax> blocks;
  std::size_t count = 0;
  ~Kept() {
    while (count > 0) ::operator delete(blocks[--count]);
  }
};

Kept& kept_blocks() {
  static thread_local Kept kept;
  return kept;
}

}  // namespace

char* FrameOutput::take_block() {
  Kept& kept = kept_blocks();
  return kept.count > 0 ? kept.blocks[--kept.count] : static_cast<char*>(::operator new(kBlockBytes));
}

void FrameOutput::give_back(char* block) {
  Kept& kept = kept_blocks();
  if (kept.count < kKeptMax) {
    kept.blocks[kept.count++] = block;
  } else {
    ::operator delete(block);
  }
}

}  // namespace apisix::h2
