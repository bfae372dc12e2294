// The heads of messages as the gateway sees them, after every rule about framing (of HTTP/1: RFC 9112) has
// been applied. They live in an arena; all views are into the bytes that were parsed, or the arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/http/header_map.h"
#include "shared/http/method.h"
#include "shared/http/protocol.h"

namespace apisix::http {

// How the end of the body is found (RFC 9112 6.3).
enum class Framing : std::uint8_t {
  kNone,        // no body
  kLength,      // content_length bytes, maybe 0
  kChunked,     // ChunkedDecoder
  kUntilClose,  // responses only
};

// RFC 9112 3.2.
enum class TargetForm : std::uint8_t {
  kOrigin,     // "/path?query"
  kAbsolute,   // "http://host/path?query"
  kAuthority,  // "host:port", CONNECT only
  kAsterisk,   // "*", OPTIONS only
};

// A field line that was read and left out of the head, as nginx does with ignore_invalid_headers.
struct IgnoredLine {
  std::string_view text = {};  // name, colon and value as received, without CRLF
  const IgnoredLine* next = nullptr;
};

struct RequestHead {
  Method method = Method::kOther;
  Protocol protocol = Protocol::k11;
  TargetForm form = TargetForm::kOrigin;
  Framing framing = Framing::kNone;
  bool has_query = false;        // there is a '?', even with nothing behind it
  bool keep_alive = false;       // the client lets us use the connection again
  bool expect_continue = false;  // it waits for "100 Continue" before it sends the body
  // Connection names "upgrade" and there is an Upgrade field, in HTTP/1.1. Never for h2c, which the
  // gateway does not pass on.
  bool upgrade = false;
  bool path_is_plain = false;  // normalize_path() would not change `path`
  std::string_view method_text = {};
  std::string_view request_line = {};  // without CRLF; "" in HTTP/2 and 3: see request_line.h
  std::string_view target = {};        // raw
  // "host[:port]" of the absolute form, else of Host, as it was written but for one dot at the host's end,
  // which is no part of the name (RFC 1034 3.1); "" in 1.0 without. What was sent is in headers.
  std::string_view authority = {};
  // The host of `authority` where it needs no change to be compared (plain_host_bytes()); else "".
  std::string_view host = {};
  std::string_view path = {};                  // raw, begins with '/'; "*" or "" for the other forms
  std::string_view query = {};                 // raw, without '?'
  std::string_view upgrade_protocol = {};      // the first protocol of Upgrade, when upgrade
  std::uint64_t content_length = 0;            // for kLength
  const IgnoredLine* ignored_lines = nullptr;  // in wire order; null: all fields are in `headers`
  HeaderMap headers;
};

struct ResponseHead {
  std::uint16_t status = 0;
  Protocol protocol = Protocol::k11;
  Framing framing = Framing::kNone;
  bool keep_alive = false;  // the upstream lets us use the connection again
  bool upgrade = false;     // 101: what follows is no HTTP
  // Content-Length was there and means something; with framing kNone (HEAD, 304) it is the length of
  // the body that was not sent, to be passed on.
  bool has_content_length = false;
  std::string_view reason = {};  // may be empty
  std::uint64_t content_length = 0;
  const IgnoredLine* ignored_lines = nullptr;
  HeaderMap headers;
};

// Why a head was refused. `what` is a constant text for logs and holds nothing of the input.
struct ParseError {
  std::uint16_t status;  // of the gateway's response: requests 400, 414, 417, 431, 501, 505; responses 502
  const char* what;
  // Of a request, what was read until then: for the access log alone. Its request_line is there even when it
  // could not be parsed; nothing else of it holds.
  RequestHead* request = nullptr;
};

}  // namespace apisix::http
