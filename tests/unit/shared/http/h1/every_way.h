// Parses a head without an index of its lines, and with the index that each width of vectors makes: the
// result must not differ in anything. For unit tests and fuzzers alike.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "shared/base/check.h"
#include "shared/http/h1/request_parser.h"
#include "shared/http/h1/response_parser.h"

namespace apisix::http {

inline constexpr HeadLines::Width kWidths[] = {HeadLines::Width::k16, HeadLines::Width::k32};

inline std::string describe(const HeaderMap& headers, const IgnoredLine* ignored) {
  std::string out;
  for (const HeaderField& field : headers) {
    out += fmt::format("{}|{}|{}|{}|{}\n", field.name, field.value, static_cast<int>(field.id),
                       field.nominated, field.intact);
  }
  for (; ignored != nullptr; ignored = ignored->next) out += fmt::format("ignored|{}\n", ignored->text);
  return out;
}

inline std::string describe(const RequestHead& head) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}\n", head.request_line, head.method_text,
                     head.target, head.authority, head.host, head.path_is_plain, head.path, head.query,
                     head.upgrade_protocol, head.content_length, static_cast<int>(head.framing),
                     head.keep_alive, head.expect_continue) +
         describe(head.headers, head.ignored_lines);
}

inline std::string describe(const ResponseHead& head) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}\n", head.status, head.reason, static_cast<int>(head.framing),
                     head.keep_alive, head.upgrade, head.has_content_length, head.content_length) +
         describe(head.headers, head.ignored_lines);
}

template <typename Head>
std::string describe(const std::expected<Head*, ParseError>& parsed) {
  if (parsed) return describe(**parsed);
  return fmt::format("{} {}", parsed.error().status, parsed.error().what);
}

// `parse`: with a HeadLines, on `head`, which is parsed again for each width.
template <typename Parse>
auto parse_every_way(std::string_view head, Parse parse) {
  auto plain = parse(HeadLines{});
  for (const HeadLines::Width width : kWidths) {
    HeadLines lines;
    if (!HeadLines::is_supported(width) || !lines.find_with(width, head)) continue;
    CHECK(describe(parse(lines)) == describe(plain));
  }
  return plain;
}

inline std::expected<RequestHead*, ParseError> parse_request_every_way(std::string_view head,
                                                                       base::Arena& arena,
                                                                       const RequestLimits& limits) {
  return parse_every_way(
      head, [&](const HeadLines& lines) { return parse_request_head(head, arena, limits, lines); });
}

inline std::expected<ResponseHead*, ParseError> parse_response_every_way(std::string_view head,
                                                                         base::Arena& arena, Method method,
                                                                         const ResponseLimits& limits) {
  return parse_every_way(
      head, [&](const HeadLines& lines) { return parse_response_head(head, arena, method, limits, lines); });
}

}  // namespace apisix::http
