// HeadLines: where the lines of one HTTP/1 head end and where each has its first colon. Found together with
// the head's end in one pass over its bytes, so that the parser need not look at each of them again. It holds
// offsets, no pointers: the head may move between. Made on the stack of who reads a head.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apisix::http {

class HeadLines {
 public:
  // With the first line and the empty one. A head of more lines is read without an index.
  static constexpr std::uint32_t kLinesMax = 160;

  struct Line {
    std::uint32_t end;    // of its CR
    std::uint32_t colon;  // the first one; behind `end` when there is none
  };

  // Not initialised but for being empty: it costs nothing until a head is found.
  HeadLines() {}  // NOLINT(modernize-use-equals-default): = default would zero the lines of HeadLines{}

  // True: `received` begins with a whole head without an empty line in front, of lines that end in CRLF and
  // have no other control characters than tabs. False, and the index is empty: anything else, which
  // HeadScanner looks at more closely.
  bool find(std::string_view received);

  bool empty() const { return count_ == 0; }
  void clear() { count_ = 0; }
  // The lines in front of the empty one.
  std::uint32_t size() const { return count_; }
  const Line& operator[](std::uint32_t index) const { return lines_[index]; }
  const Line* begin() const { return lines_.data(); }
  const Line* end() const { return lines_.data() + count_; }
  // Of the whole head, its empty line included.
  std::uint32_t head_bytes() const { return lines_[count_ - 1].end + 4; }

  // The instructions that find() uses, by the width of their vectors: for tests, which hold them against each
  // other. kBest: the widest that this processor has.
  enum class Width : std::uint8_t { kBest, k16, k32 };
  static bool is_supported(Width width);
  bool find_with(Width width, std::string_view received);

 private:
  friend struct LineFinder;

  std::uint32_t count_ = 0;
  std::array<Line, kLinesMax> lines_;
};

}  // namespace apisix::http
