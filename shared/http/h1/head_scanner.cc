#include "shared/http/h1/head_scanner.h"

#include "shared/http/h1/scan.h"

namespace apisix::http {

HeadScanner::Result HeadScanner::scan(std::string_view received) {
  const char* const begin = received.data();
  const char* const end = begin + received.size();
  while (true) {
    const char* stop = scan::find_first(begin, begin + at_, end, scan::Control{});
    at_ = static_cast<std::uint32_t>(stop - begin);
    if (stop == end) return Result::kNeedMore;
    if (*stop != '\r') return Result::kBad;
    if (stop + 1 == end) return Result::kNeedMore;
    if (stop[1] != '\n') return Result::kBad;
    if (const Result result = on_line_end(); result != Result::kNeedMore) return result;
  }
}

HeadScanner::Result HeadScanner::scan(std::string_view received, HeadLines& lines) {
  if (at_ == 0 && lines.find(received)) [[likely]] {
    at_ = lines.head_bytes();
    line_start_ = at_;
    return Result::kFound;
  }
  lines.clear();
  return scan(received);
}

// at_ is at the CR of a line that ends well. kNeedMore: look at the next line.
HeadScanner::Result HeadScanner::on_line_end() {
  const bool empty = at_ == line_start_;
  const bool first = in_first_line();
  at_ += 2;
  line_start_ = at_;
  if (!empty) return Result::kNeedMore;
  if (!first) return Result::kFound;
  if (kind_ == HeadKind::kResponse || empty_lines_ == kEmptyLinesMax) return Result::kBad;
  ++empty_lines_;
  return Result::kNeedMore;
}

}  // namespace apisix::http
