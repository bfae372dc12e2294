// Questions of explain: whatever JSON is given, the head that is made of an accepted one has the lines that
// were asked for and no other, and the gateway's parser takes it or refuses it. The input is the body's JSON
// text.
#include <cstdlib>

#include "shared/base/arena.h"
#include "shared/base/log.h"
#include "shared/http/h1/request_parser.h"
#include "worker/diagnose/question.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix;
  static const bool quiet = [] {
    base::set_log_level(base::LogLevel::kEmerg);
    return true;
  }();
  (void)quiet;
  const auto json = format::parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  const auto question = diagnose::Question::parse(*json);
  if (!question) {
    if (question.error().what.empty()) std::abort();
    return 0;
  }
  const std::string head = question->head();
  std::size_t lines = 0;
  for (const char c : head) lines += c == '\n';
  // The request line, the empty one, and what the head adds: Host, Content-Length.
  if (lines < question->headers.size() + 2 || lines > question->headers.size() + 4) std::abort();
  base::Arena arena;
  (void)http::parse_request_head(arena.copy(head), arena, http::RequestLimits{});
  return 0;
}
