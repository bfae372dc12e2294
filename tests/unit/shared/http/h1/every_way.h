// Parses a head without an index of its lines, and with the index that each width of vectors makes, of the
// head alone and of what was received with it: the result must not differ in anything. For unit tests and
// fuzzers alike.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "shared/base/check.h"
#include "shared/http/h1/request_parser.h"
#include "shared/http/h1/response_parser.h"

namespace apisix::http {

inline constexpr HeadLines::Width kWidths[] = {HeadLines::Width::k16, HeadLines::Width::k32};

// Said once at the start: what this processor lacks is not tested.
inline const bool kHasAllWidths = [] {
  const bool has_all = HeadLines::is_supported(HeadLines::Width::k32);
  if (!has_all) fmt::print(stderr, "no AVX2: heads are parsed with the index of the narrow vectors alone\n");
  return has_all;
}();

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
  const auto number = [](auto value) { return static_cast<int>(value); };
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}\n", head.request_line, head.method_text, head.target,
                     head.authority, head.host, head.path_is_plain, head.path, head.query,
                     head.upgrade_protocol, head.content_length) +
         fmt::format("{}|{}|{}|{}|{}|{}|{}|{}\n", number(head.method), number(head.protocol),
                     number(head.form), number(head.framing), head.has_query, head.keep_alive,
                     head.expect_continue, head.upgrade) +
         describe(head.headers, head.ignored_lines);
}

inline std::string describe(const ResponseHead& head) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}\n", head.status, static_cast<int>(head.protocol), head.reason,
                     static_cast<int>(head.framing), head.keep_alive, head.upgrade, head.has_content_length,
                     head.content_length) +
         describe(head.headers, head.ignored_lines);
}

template <typename Head>
std::string describe(const std::expected<Head*, ParseError>& parsed) {
  if (parsed) return describe(**parsed);
  return fmt::format("{} {}", parsed.error().status, parsed.error().what);
}

// What a request may be followed by, as far as the index is concerned: a body and a head.
inline std::string with_more_behind(std::string_view head) {
  return std::string(head) + "a: body\r\n:\tGET / HTTP/1.1\r\nHost: b\r\n\r\n";
}

// `received` begins with `head`, which is a copy. `parse`: with a HeadLines, on `head`, which is parsed again
// for each index.
template <typename Parse>
auto parse_every_way(std::string_view head, std::string_view received, Parse parse) {
  auto plain = parse(HeadLines{});
  for (const HeadLines::Width width : kWidths) {
    if (!HeadLines::is_supported(width)) continue;
    for (const std::string_view bytes : {head, received}) {
      HeadLines lines;
      if (!lines.find_with(width, bytes) || lines.head_bytes() > head.size()) continue;
      CHECK(describe(parse(lines)) == describe(plain));
    }
  }
  return plain;
}

inline std::expected<RequestHead*, ParseError> parse_request_every_way(std::string_view head,
                                                                       std::string_view received,
                                                                       base::Arena& arena,
                                                                       const RequestLimits& limits) {
  return parse_every_way(
      head, received, [&](const HeadLines& lines) { return parse_request_head(head, arena, limits, lines); });
}
inline std::expected<RequestHead*, ParseError> parse_request_every_way(std::string_view head,
                                                                       base::Arena& arena,
                                                                       const RequestLimits& limits) {
  return parse_request_every_way(head, with_more_behind(head), arena, limits);
}

inline std::expected<ResponseHead*, ParseError> parse_response_every_way(std::string_view head,
                                                                         std::string_view received,
                                                                         base::Arena& arena, Method method,
                                                                         const ResponseLimits& limits) {
  return parse_every_way(head, received, [&](const HeadLines& lines) {
    return parse_response_head(head, arena, method, limits, lines);
  });
}
inline std::expected<ResponseHead*, ParseError> parse_response_every_way(std::string_view head,
                                                                         base::Arena& arena, Method method,
                                                                         const ResponseLimits& limits) {
  return parse_response_every_way(head, with_more_behind(head), arena, method, limits);
}

}  // namespace apisix::http
