// Parses a complete HTTP/1 response head of an upstream in place. Strict where a lenient reading could
// move the end of the body; for every error the gateway responds with 502.
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
struct ResponseLimits {
  std::uint32_t header_count_max = 256;
  std::uint32_t header_line_bytes_max = 32768;
  std::uint32_t head_bytes_max = 65536;
};

// `head` is what HeadScanner(HeadKind::kResponse) found and stays where it is as long as the arena
// lives. The method is that of the request: HEAD and CONNECT change how the body ends. 1xx heads are
// parsed like any other; the caller goes on to the next head after them (except after 101).
std::expected<ResponseHead*, ParseError> parse_response_head(std::string_view head, base::Arena& arena,
                                                             Method request_method,
                                                             const ResponseLimits& limits,
                                                             const HeadLines& lines = {});

}  // namespace apisix::http
