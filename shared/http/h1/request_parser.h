// Parses a complete HTTP/1 request head in place, strictly (RFC 9112, RFC 9110): whatever two
// implementations could read in two ways is refused, so that nothing ambiguous is ever forwarded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/http/h1/head_lines.h"
#include "shared/http/message.h"

namespace apisix::http {

// Bytes exclude the line's CRLF, except head_bytes_max.
struct RequestLimits {
  std::uint32_t header_count_max = 128;
  std::uint32_t header_line_bytes_max = 8192;
  std::uint32_t request_line_bytes_max = 8192;
  std::uint32_t head_bytes_max = 32768;
  // False: a field with '_' in its name is left out, as nginx does with underscores_in_headers off.
  bool underscores_in_headers = true;
  // As nginx's directive: a field whose name holds anything but letters, digits, '-' and '_' is left out.
  // False: names that are tokens are let through.
  bool ignore_invalid_headers = true;
};

// `head` is what HeadScanner found: it ends in CRLFCRLF and stays where it is as long as the arena
// lives. Only the RequestHead, its field array and the list of ignored lines are allocated.
std::expected<RequestHead*, ParseError> parse_request_head(std::string_view head, base::Arena& arena,
                                                           const RequestLimits& limits,
                                                           const HeadLines& lines = {});

// The first line of what a client sent, empty lines in front of it skipped: for logs, when it is no head.
std::string_view first_line(std::string_view bytes);

}  // namespace apisix::http
