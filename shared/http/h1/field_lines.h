// The part that request and response heads have in common: field lines, the list syntax of the few
// fields that the codec interprets, and the Connection field. Internal to h1/.
#pragma once

#include <cstdint>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/http/h1/head_lines.h"
#include "shared/http/message.h"

namespace apisix::http {

struct FieldLimits {
  std::uint32_t count_max;
  std::uint32_t line_bytes_max;
  bool underscores = true;  // false: fields with '_' in their names are left out
  bool trim_name = false;   // responses: white space between name and colon is removed (RFC 9112 5.1)
  // Requests: a name of other characters than letters, digits, '-' and '_' is left out, as nginx does with
  // ignore_invalid_headers on. What is no token (RFC 9110 5.6.2) is left out always.
  bool letters_only = false;
};

struct FieldLines {
  HeaderSet repeated;                    // fields that occur more than once
  const IgnoredLine* ignored = nullptr;  // the lines that were left out, in wire order
  // Null when all is well.
  const char* error = nullptr;
  bool too_large = false;  // the error is a limit: 431
};

// Parses [at, end): field lines and the empty line that ends them, which must be the last two bytes. Bytes
// from `begin` on may be read. All values are free of control characters afterwards. White space and control
// characters in a name are errors; other characters that FieldLimits does not allow, and names that some
// server behind us would read as a framing or hop-by-hop field (Content_Length), leave the line out. `lines`:
// of the head that begins at `begin`, or empty; with them the same is found with fewer looks at the bytes.
FieldLines parse_field_lines(const char* begin, const char* at, const char* end, base::Arena& arena,
                             const FieldLimits& limits, HeaderMap& headers, const HeadLines& lines = {});

// By the same rules, for a field that came without a line (HTTP/2), whose name is a token and not known: it
// is left out.
bool is_left_out(std::string_view name, const FieldLimits& limits);

// Takes the next non-empty element off a comma-separated list (RFC 9110 5.6.1), without white space
// around it; "" when there is none left. Quoted strings are not looked at: no such field of ours has them.
std::string_view next_list_element(std::string_view& list);

struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool too_many = false;  // more options than any honest message has: refuse
};

// Reads every Connection field and marks the fields that they nominate.
ConnectionOptions read_every_connection(HeaderMap& headers);
// The same; `repeated` is what occurs more than once.
inline ConnectionOptions read_connection(HeaderMap& headers, const HeaderSet& repeated) {
  if (repeated.has(KnownHeader::kConnection)) return read_every_connection(headers);
  const HeaderField* const field = headers.find(KnownHeader::kConnection);
  if (field == nullptr) return {};
  if (field->value == "keep-alive") return {.keep_alive = true};  // what nearly all clients and servers send
  return read_every_connection(headers);
}

// The protocol that a message with the connection option "upgrade" may switch to: the first element of
// its Upgrade fields that is not h2c; "" when there is none.
std::string_view upgrade_protocol(const HeaderMap& headers);

enum class TransferCoding : std::uint8_t {
  kChunked,      // exactly "chunked"
  kUnsupported,  // well-formed, "chunked" last, but other codings before it
  kMalformed,    // everything else
};
// The value of the only Transfer-Encoding field of a message.
TransferCoding read_transfer_encoding(std::string_view value);

// 1*DIGIT below 2^63.
bool parse_content_length(std::string_view value, std::uint64_t& out);

}  // namespace apisix::http
