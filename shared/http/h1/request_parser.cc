#include "shared/http/h1/request_parser.h"

#include <array>
#include <cstring>

#include "shared/base/host_name.h"
#include "shared/base/text.h"
#include "shared/http/authority.h"
#include "shared/http/h1/field_lines.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/http/h1/scan.h"

namespace apisix::http {
namespace {

// "A / HTTP/1.0" CRLF CRLF. Nothing shorter can be a head, and the scanner may load 16 bytes at once.
constexpr std::size_t kHeadBytesMin = 16;
constexpr std::size_t kVersionBytes = 8;

std::unexpected<ParseError> refuse(std::uint16_t status, const char* what) {
  return std::unexpected(ParseError{status, what});
}
std::unexpected<ParseError> bad(const char* what) {
  return refuse(400, what);
}
using Parsed = std::expected<void, ParseError>;

std::string_view view(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

// nginx's rule, narrower than RFC 9110's token: other servers disagree on what "get" or "G{T" mean.
bool is_method_character(char c) {
  return (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

// Sets the method; returns where the target begins, or null.
const char* scan_method(const char* begin, const char* end, RequestHead& head) {
  if (std::memcmp(begin, "GET ", 4) == 0) [[likely]] {
    head.method = Method::kGet;
    head.method_text = view(begin, begin + 3);
    return begin + 4;
  }
  const char* at = begin;
  while (at != end && is_method_character(*at)) ++at;
  if (at == begin || at == end || *at != ' ') return nullptr;
  head.method_text = view(begin, at);
  head.method = parse_method(head.method_text);
  return at + 1;
}

Parsed explain_version(const char* at, RequestHead& head) {
  const std::string_view text(at, kVersionBytes);
  if (text == "HTTP/1.0") head.protocol = Protocol::k10;  // the response to it is one of that version
  const bool is_supported = text == "HTTP/1.1" || text == "HTTP/1.0";
  if (!is_supported && text.starts_with("HTTP/") && base::is_digit(text[5]) && text[6] == '.' &&
      base::is_digit(text[7]) && at[8] == '\r') {
    return refuse(505, "an HTTP version other than 1.0 and 1.1");
  }
  return bad(is_supported ? "bytes behind the HTTP version"
                          : "the request line does not end in an HTTP version after one space");
}

// [at, at+8) and CRLF behind the second space.
Parsed parse_version(const char* at, const char* end, RequestHead& head) {
  if (static_cast<std::size_t>(end - at) < kVersionBytes + 2) return bad("the request line has no version");
  if (std::memcmp(at, "HTTP/1.1\r\n", kVersionBytes + 2) == 0) [[likely]] {
    head.protocol = Protocol::k11;
  } else if (std::memcmp(at, "HTTP/1.0\r\n", kVersionBytes + 2) == 0) {
    head.protocol = Protocol::k10;
  } else {
    return explain_version(at, head);
  }
  return {};
}

// What ends a path, and whether nothing in front of it is odd.
struct ScannedPath {
  const char* end;
  bool is_plain;
};

ScannedPath scan_path(const char* begin, const char* at, const char* end) {
  scan::OddInPath odd_in_path;
  bool is_plain = true;
  for (; end - at >= 16; at += 16) {
    const scan::Bytes b = scan::load(at);
    const unsigned ends = scan::PathEnd{}(b);
    const unsigned odd = odd_in_path(b);
    if (ends != 0) {
      const unsigned in_front = (ends & -ends) - 1;
      return {at + std::countr_zero(ends), is_plain && (odd & in_front) == 0};
    }
    is_plain &= odd == 0;
  }
  return {scan::find_first(begin, at, end, scan::PathEnd{}), false};
}

// The end of the target; sets path and query as if the target were in origin form.
const char* scan_target(const char* begin, const char* at, const char* end, RequestHead& head) {
  const ScannedPath path = scan_path(begin, at, end);
  const char* stop = path.end;
  head.path = view(at, stop);
  head.path_is_plain = path.is_plain && *at == '/';
  if (stop != end && *stop == '?') {
    const char* query = stop + 1;
    stop = scan::find_first(begin, query, end, scan::QueryEnd{});
    head.query = view(query, stop);
    head.has_query = true;
  }
  head.target = view(at, stop);
  return stop;
}

// "http://host:port/path?query": the authority replaces Host (RFC 9112 3.2.2).
Parsed parse_absolute(RequestHead& head) {
  std::string_view rest = head.path;
  const std::size_t scheme_bytes =
      rest.size() > 7 && base::equals_ignore_case(rest.substr(0, 7), "http://")    ? 7
      : rest.size() > 8 && base::equals_ignore_case(rest.substr(0, 8), "https://") ? 8
                                                                                   : 0;
  if (scheme_bytes == 0) return bad("the request target is none of the four forms");
  rest.remove_prefix(scheme_bytes);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  head.form = TargetForm::kAbsolute;
  head.authority = rest.substr(0, slash);
  head.path = slash == rest.size() ? std::string_view("/") : rest.substr(slash);
  if (!is_valid_authority(head.authority)) return bad("the authority in the request target is not valid");
  return {};
}

Parsed parse_authority_form(RequestHead& head) {
  head.form = TargetForm::kAuthority;
  head.authority = head.target;
  head.path = {};
  const std::size_t colon = head.target.rfind(':');
  // A bracket behind the last colon: it is inside an IPv6 address, and there is no port.
  if (head.has_query || !is_valid_authority(head.target) || colon == std::string_view::npos ||
      colon + 1 == head.target.size() || head.target.find(']', colon) != std::string_view::npos) {
    return bad("CONNECT needs host:port");
  }
  return {};
}

Parsed classify_target(RequestHead& head) {
  if (head.method == Method::kConnect) return parse_authority_form(head);
  if (head.path.starts_with('/')) return {};
  if (head.target == "*") {
    if (head.method != Method::kOptions) return bad("the request target * is for OPTIONS only");
    head.form = TargetForm::kAsterisk;
    return {};
  }
  return parse_absolute(head);
}

// Returns where the field lines begin.
std::expected<const char*, ParseError> parse_request_line(const char* begin, const char* end,
                                                          const RequestLimits& limits, RequestHead& head) {
  const char* const target = scan_method(begin, end, head);
  if (target == nullptr) return bad("the request line does not begin with a method and a space");
  const char* stop = scan_target(begin, target, end, head);
  if (stop == end || *stop != ' ') {
    return bad(stop != end && *stop == '#' ? "a fragment in the request target"
                                           : "a character in the request target that is not allowed");
  }
  if (stop == target) return bad("more than one space in the request line, or no target");
  if (const Parsed version = parse_version(stop + 1, end, head); !version)
    return std::unexpected(version.error());
  head.request_line = view(begin, stop + 1 + kVersionBytes);
  if (head.request_line.size() > limits.request_line_bytes_max)
    return refuse(414, "the request line is too long");
  if (const Parsed form = classify_target(head); !form) return std::unexpected(form.error());
  return stop + 1 + kVersionBytes + 2;
}

// Bytes from `begin` on may be read.
Parsed apply_host(const char* begin, RequestHead& head, const HeaderSet& repeated) {
  if (repeated.has(KnownHeader::kHost)) return bad("more than one Host");
  const HeaderField* host = head.headers.find(KnownHeader::kHost);
  if (host == nullptr) {
    if (head.protocol == Protocol::k11) return bad("an HTTP/1.1 request without Host");
    return {};
  }
  const std::size_t plain_bytes = plain_host_bytes(begin, host->value);
  if (plain_bytes == 0 && !is_valid_authority(host->value)) return bad("the value of Host is not valid");
  if (head.authority.empty()) {
    head.authority = host->value;
    head.host = host->value.substr(0, plain_bytes);
  } else if (head.authority != host->value) {
    // The target wins (RFC 9112 3.2.2), and Host is set to it: the upstream must not see another host.
    HeaderField& field = head.headers.at(static_cast<std::size_t>(host - head.headers.begin()));
    field.value = head.authority;
    field.intact = false;
  }
  return {};
}

// What is matched is what is forwarded: all code behind the parser sees the host without the dot.
void remove_end_dot(RequestHead& head, base::Arena& arena) {
  const auto dot = base::find_end_dot(head.authority);
  if (!dot) return;
  const std::string_view port = head.authority.substr(*dot + 1);
  const std::string_view host = head.authority.substr(0, *dot);
  head.authority = port.empty() ? host : arena.concat(host, port);
}

Parsed apply_transfer_encoding(RequestHead& head, const HeaderSet& repeated) {
  if (head.protocol == Protocol::k10) return bad("Transfer-Encoding in an HTTP/1.0 request");
  if (head.headers.has(KnownHeader::kContentLength)) return bad("both Content-Length and Transfer-Encoding");
  if (repeated.has(KnownHeader::kTransferEncoding)) return bad("more than one Transfer-Encoding");
  switch (read_transfer_encoding(head.headers.value(KnownHeader::kTransferEncoding))) {
    case TransferCoding::kChunked:
      head.framing = Framing::kChunked;
      return {};
    case TransferCoding::kUnsupported:
      return refuse(501, "a transfer coding other than chunked");
    case TransferCoding::kMalformed:
      break;
  }
  return bad("Transfer-Encoding is not exactly one final chunked");
}

Parsed apply_framing(RequestHead& head, const HeaderSet& repeated) {
  if (head.headers.has(KnownHeader::kTransferEncoding)) return apply_transfer_encoding(head, repeated);
  if (!head.headers.has(KnownHeader::kContentLength)) return {};
  if (repeated.has(KnownHeader::kContentLength)) return bad("more than one Content-Length");
  if (!parse_content_length(head.headers.value(KnownHeader::kContentLength), head.content_length)) {
    return bad("the value of Content-Length is not one decimal number");
  }
  head.framing = Framing::kLength;
  return {};
}

Parsed apply_expect(RequestHead& head, const HeaderSet& repeated) {
  const HeaderField* expect = head.headers.find(KnownHeader::kExpect);
  if (expect == nullptr || head.protocol == Protocol::k10) return {};  // RFC 9110 10.1.1: ignored in 1.0
  if (repeated.has(KnownHeader::kExpect) || !base::equals_ignore_case(expect->value, "100-continue")) {
    return refuse(417, "an expectation other than 100-continue");
  }
  head.expect_continue =
      head.framing == Framing::kChunked || (head.framing == Framing::kLength && head.content_length > 0);
  return {};
}

Parsed apply_connection(RequestHead& head, const HeaderSet& repeated) {
  const ConnectionOptions options = read_connection(head.headers, repeated);
  if (options.too_many) return bad("too many connection options");
  head.keep_alive = !options.close && (head.protocol == Protocol::k11 || options.keep_alive);
  if (!options.upgrade || head.protocol == Protocol::k10) return {};
  head.upgrade_protocol = upgrade_protocol(head.headers);
  head.upgrade = !head.upgrade_protocol.empty();
  return {};
}

Parsed apply_fields(const char* begin, RequestHead& head, const HeaderSet& repeated) {
  if (const Parsed host = apply_host(begin, head, repeated); !host) return host;
  constexpr HeaderSet kInterpreted{KnownHeader::kContentLength, KnownHeader::kTransferEncoding,
                                   KnownHeader::kExpect, KnownHeader::kConnection};
  if (!head.headers.present().has_any_of(kInterpreted)) {
    head.keep_alive = head.protocol == Protocol::k11;
    return {};
  }
  if (const Parsed framing = apply_framing(head, repeated); !framing) return framing;
  if (const Parsed expect = apply_expect(head, repeated); !expect) return expect;
  return apply_connection(head, repeated);
}

}  // namespace

std::string_view first_line(std::string_view bytes) {
  while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  return bytes.substr(0, bytes.find_first_of("\r\n"));
}

std::expected<RequestHead*, ParseError> parse_request_head(std::string_view head, base::Arena& arena,
                                                           const RequestLimits& limits,
                                                           const HeadLines& lines) {
  RequestHead* out = arena.make<RequestHead>();
  const auto failed = [&](const ParseError& error) {
    if (out->request_line.empty()) out->request_line = first_line(head);
    return std::unexpected(ParseError{error.status, error.what, out});
  };
  for (unsigned i = 0; i < HeadScanner::kEmptyLinesMax && head.starts_with("\r\n"); ++i)
    head.remove_prefix(2);
  if (head.size() < kHeadBytesMin) return failed({400, "the head is shorter than any request"});
  if (head.size() > limits.head_bytes_max) return failed({431, "the head is too large"});
  const char* const begin = head.data();
  const char* const end = begin + head.size();

  const auto fields_at = parse_request_line(begin, end, limits, *out);
  if (!fields_at) return failed(fields_at.error());
  const FieldLimits field_limits{.count_max = limits.header_count_max,
                                 .line_bytes_max = limits.header_line_bytes_max,
                                 .underscores = limits.underscores_in_headers,
                                 .letters_only = limits.ignore_invalid_headers};
  const FieldLines fields =
      parse_field_lines(begin, *fields_at, end, arena, field_limits, out->headers, lines);
  out->ignored_lines = fields.ignored;
  if (fields.error != nullptr) {
    return failed({static_cast<std::uint16_t>(fields.too_large ? 431 : 400), fields.error});
  }
  if (const Parsed applied = apply_fields(begin, *out, fields.repeated); !applied)
    return failed(applied.error());
  if (out->host.empty()) remove_end_dot(*out, arena);
  return out;
}

}  // namespace apisix::http
