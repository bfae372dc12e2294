// HeadScanner: finds the end of an HTTP/1 head in the bytes received so far. It remembers where it
// stopped, so a head that arrives byte by byte costs O(bytes). It looks at line ends and control
// characters only; request_parser.h and response_parser.h do the rest, on the whole head.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/http/h1/head_lines.h"

namespace apisix::http {

enum class HeadKind : std::uint8_t {
  kRequest,   // empty lines in front of the request line are skipped (RFC 9112 2.2), at most kEmptyLinesMax
  kResponse,  // an empty line in front is an error
};

class HeadScanner {
 public:
  static constexpr std::uint32_t kEmptyLinesMax = 8;

  enum class Result : std::uint8_t {
    kNeedMore,
    kFound,
    kBad,  // a line that does not end in CRLF, or a control character: respond with 400 and close
  };

  explicit HeadScanner(HeadKind kind = HeadKind::kRequest) : kind_(kind) {}

  // `received` always begins with the same byte, the first of the message, and only grows; it may move
  // in memory between calls. After kFound or kBad call reset() before the next message.
  Result scan(std::string_view received);
  // The same; a head that is found in one call, as nearly all are, has its lines in `lines` then. Else they
  // are empty.
  Result scan(std::string_view received, HeadLines& lines);

  // After kFound: the bytes of the head, skipped empty lines in front and the last CRLFCRLF included.
  std::size_t head_bytes() const { return at_; }
  // Of these, the bytes of skipped empty lines.
  std::size_t skipped_bytes() const { return std::size_t{2} * empty_lines_; }
  // The first line has not ended: a head over the limit is then a 414, not a 431.
  bool in_first_line() const { return line_start_ == skipped_bytes(); }

  void reset() { *this = HeadScanner(kind_); }

 private:
  Result on_line_end();

  std::uint32_t at_ = 0;          // scanned up to here
  std::uint32_t line_start_ = 0;  // of the current line
  std::uint8_t empty_lines_ = 0;  // skipped
  HeadKind kind_;
};

}  // namespace apisix::http
