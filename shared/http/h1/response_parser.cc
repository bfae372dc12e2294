#include "shared/http/h1/response_parser.h"

#include <cstring>

#include "shared/base/text.h"
#include "shared/http/h1/field_lines.h"
#include "shared/http/h1/scan.h"

namespace apisix::http {
namespace {

// "HTTP/1.1 200" CRLF CRLF; the scanner may load 16 bytes at once.
constexpr std::size_t kHeadBytesMin = 16;
constexpr std::uint16_t kBadGateway = 502;

std::unexpected<ParseError> bad(const char* what) {
  return std::unexpected(ParseError{kBadGateway, what});
}
using Parsed = std::expected<void, ParseError>;

// Of three digits from 100 to 999; else 0.
std::uint16_t read_status(const char* at) {
  const auto digit = [at](int i) { return static_cast<unsigned>(at[i]) - '0'; };
  const unsigned hundreds = digit(0);
  if (hundreds - 1 > 8 || digit(1) > 9 || digit(2) > 9) return 0;
  return static_cast<std::uint16_t>(hundreds * 100 + digit(1) * 10 + digit(2));
}

// [at, stop), behind the status code: nothing, or a space and the phrase.
[[gnu::always_inline]] inline std::string_view read_reason(const char* at, const char* stop) {
  const auto is_white = [](char c) { return c == ' ' || c == '\t'; };
  if (stop - at < 2 || is_white(at[1]) || is_white(stop[-1])) [[unlikely]]
    return base::trim({at, static_cast<std::size_t>(stop - at)});
  return {at + 1, static_cast<std::size_t>(stop - at) - 1};
}

// Returns where the field lines begin. The reason phrase and the space in front of it may be missing (RFC
// 9112 4). `lines`: of this head, or empty.
std::expected<const char*, ParseError> parse_status_line(const char* begin, const char* end,
                                                         const HeadLines& lines, ResponseHead& head) {
  if (std::memcmp(begin, "HTTP/1.1 ", 9) == 0) [[likely]] {
    head.protocol = Protocol::k11;
  } else if (std::memcmp(begin, "HTTP/1.0 ", 9) == 0) {
    head.protocol = Protocol::k10;
  } else {
    return bad("the status line does not begin with HTTP/1.1 or HTTP/1.0 and one space");
  }
  const char* const at = begin + 12;
  head.status = read_status(begin + 9);
  if (head.status == 0) return bad("the status code is not three digits from 100 to 999");
  const char* const stop =
      !lines.empty() ? begin + lines[0].end : scan::find_first(begin, at, end, scan::Control{});
  if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n')
    return bad("a control character in the status line");
  if (at == stop) return stop + 2;
  if (*at != ' ') return bad("the status code is not followed by a space");
  head.reason = read_reason(at, stop);
  return stop + 2;
}

// RFC 9112 6.3 items 1 and 2: the body does not depend on the fields.
bool has_fixed_framing(const ResponseHead& head, Method request_method) {
  return request_method == Method::kHead || head.status < 200 || head.status == 204 || head.status == 304;
}

bool is_tunnel(const ResponseHead& head, Method request_method) {
  return request_method == Method::kConnect && head.status / 100 == 2;
}

// Checks the fields even where they do not matter: what is contradictory is not passed on either.
Parsed read_framing_fields(ResponseHead& head, const HeaderSet& repeated) {
  const bool coding = head.headers.has(KnownHeader::kTransferEncoding);
  const bool length = head.headers.has(KnownHeader::kContentLength);
  if (coding && length) return bad("both Content-Length and Transfer-Encoding");
  if (coding) {
    if (head.protocol == Protocol::k10) return bad("Transfer-Encoding in an HTTP/1.0 response");
    if (repeated.has(KnownHeader::kTransferEncoding)) return bad("more than one Transfer-Encoding");
    const std::string_view value = head.headers.value(KnownHeader::kTransferEncoding);
    if (read_transfer_encoding(value) != TransferCoding::kChunked)
      return bad("a transfer coding other than chunked");
    head.framing = Framing::kChunked;
    return {};
  }
  if (!length) {
    head.framing = Framing::kUntilClose;
    return {};
  }
  if (repeated.has(KnownHeader::kContentLength)) return bad("more than one Content-Length");
  if (!parse_content_length(head.headers.value(KnownHeader::kContentLength), head.content_length)) {
    return bad("the value of Content-Length is not one decimal number");
  }
  head.has_content_length = true;
  head.framing = Framing::kLength;
  return {};
}

Parsed apply_fields(ResponseHead& head, Method request_method, const HeaderSet& repeated) {
  const ConnectionOptions options = read_connection(head.headers, repeated);
  if (options.too_many) return bad("too many connection options");
  head.keep_alive = !options.close && (head.protocol == Protocol::k11 || options.keep_alive);
  if (is_tunnel(head, request_method)) {
    head.framing = Framing::kUntilClose;
    head.keep_alive = false;
    return {};
  }
  if (const Parsed framing = read_framing_fields(head, repeated); !framing) return framing;
  if (head.status == 101) head.upgrade = options.upgrade && !upgrade_protocol(head.headers).empty();
  if (has_fixed_framing(head, request_method)) {
    // A body announced where there cannot be one: the upstream may well send it, so never reuse.
    const bool announced = head.framing == Framing::kChunked || head.content_length > 0;
    const bool impossible = head.status < 200 || head.status == 204;
    if (announced && impossible) head.keep_alive = false;
    if (impossible) head.has_content_length = false;
    head.framing = Framing::kNone;
  }
  if (head.framing == Framing::kUntilClose) head.keep_alive = false;
  return {};
}

}  // namespace

std::expected<ResponseHead*, ParseError> parse_response_head(std::string_view head, base::Arena& arena,
                                                             Method request_method,
                                                             const ResponseLimits& limits,
                                                             const HeadLines& lines) {
  if (head.size() < kHeadBytesMin) return bad("the head is shorter than any response");
  if (head.size() > limits.head_bytes_max) return bad("the head is too large");
  const char* const begin = head.data();
  const char* const end = begin + head.size();

  ResponseHead* out = arena.make<ResponseHead>();
  const auto fields_at = parse_status_line(begin, end, lines, *out);
  if (!fields_at) return std::unexpected(fields_at.error());
  const FieldLimits field_limits{.count_max = limits.header_count_max,
                                 .line_bytes_max = limits.header_line_bytes_max,
                                 .trim_name = true};
  const FieldLines fields =
      parse_field_lines(begin, *fields_at, end, arena, field_limits, out->headers, lines);
  out->ignored_lines = fields.ignored;
  if (fields.error != nullptr) return bad(fields.error);
  if (const Parsed applied = apply_fields(*out, request_method, fields.repeated); !applied) {
    return std::unexpected(applied.error());
  }
  return out;
}

}  // namespace apisix::http
