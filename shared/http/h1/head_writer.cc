#include "shared/http/h1/head_writer.h"

#include <charconv>
#include <cstring>

#include "shared/base/check.h"
#include "shared/http/h1/scan.h"
#include "shared/http/status.h"

namespace apisix::http {
namespace {

// Written by the codec or not at all; Host besides, when there is another one.
constexpr KnownHeader kFirstHopByHop = KnownHeader::kConnection;

constexpr std::string_view kConnectionClose = "Connection: close\r\n";
constexpr std::string_view kConnectionKeepAlive = "Connection: keep-alive\r\n";
constexpr std::string_view kConnectionUpgrade = "Connection: upgrade\r\nUpgrade: ";
constexpr std::string_view kChunked = "Transfer-Encoding: chunked\r\n";
constexpr std::string_view kContentLength = "Content-Length: ";
constexpr std::string_view kHost = "Host: ";
constexpr std::string_view kCrlf = "\r\n";

// No control character, tab included, and no space: what may stand between the spaces of a request line.
bool is_one_word(std::string_view text) {
  const char* end = text.data() + text.size();
  return !text.empty() && scan::find_first(text.data(), text.data(), end, scan::QueryEnd{}) == end;
}

unsigned decimal_digits(std::uint64_t number) {
  unsigned digits = 1;
  for (; number >= 10; number /= 10) ++digits;
  return digits;
}

// What both kinds of head have behind their first line.
struct Tail {
  const HeaderMap* headers;
  KnownHeader first_skipped;  // of the fields that are left out: it and those up to kLastOfCodec
  std::string_view host;      // written first when not empty
  std::string_view upgrade_protocol;
  std::uint64_t content_length;
  ConnectionOption connection;
  bool write_length;
  bool write_chunked;
};

// From `first` to the last one that only the codec writes.
bool is_left_out(const HeaderField& field, KnownHeader first) {
  const auto number_of = [](KnownHeader id) { return static_cast<unsigned>(id); };
  return number_of(field.id) - number_of(first) <= number_of(kLastOfCodec) - number_of(first) ||
         field.nominated;
}

std::size_t connection_bytes(const Tail& tail) {
  switch (tail.connection) {
    case ConnectionOption::kNone:
      return 0;
    case ConnectionOption::kClose:
      return kConnectionClose.size();
    case ConnectionOption::kKeepAlive:
      return kConnectionKeepAlive.size();
    case ConnectionOption::kUpgrade:
      return kConnectionUpgrade.size() + tail.upgrade_protocol.size() + kCrlf.size();
  }
  return 0;
}

std::size_t tail_bytes(const Tail& tail) {
  std::size_t bytes = kCrlf.size() + connection_bytes(tail);
  if (!tail.host.empty()) bytes += kHost.size() + tail.host.size() + kCrlf.size();
  if (tail.write_length) bytes += kContentLength.size() + decimal_digits(tail.content_length) + kCrlf.size();
  if (tail.write_chunked) bytes += kChunked.size();
  if (tail.headers == nullptr) return bytes;
  for (const HeaderField& field : *tail.headers) {
    if (!is_left_out(field, tail.first_skipped))
      bytes += field.name.size() + field.value.size() + kFieldFixedBytes;
  }
  return bytes;
}

// Runs of lines that follow each other in memory as they were received are copied at once. Null: they do not
// fit in front of `limit`.
char* append_fields(char* at, const char* limit, const HeaderMap& headers, KnownHeader first_skipped) {
  const auto fits = [&](std::size_t bytes) { return bytes <= static_cast<std::size_t>(limit - at); };
  const HeaderField* const end = headers.end();
  for (const HeaderField* field = headers.begin(); field != end;) {
    if (is_left_out(*field, first_skipped)) {
      ++field;
      continue;
    }
    if (!field->intact) {
      if (!fits(field->name.size() + field->value.size() + kFieldFixedBytes)) return nullptr;
      at = append_field(at, field->name, field->value);
      ++field;
      continue;
    }
    const char* const run = field->name.data();
    const char* run_end = nullptr;
    do {
      run_end = field->value.data() + field->value.size() + 2;
      ++field;
    } while (field != end && field->intact && field->name.data() == run_end &&
             !is_left_out(*field, first_skipped));
    const std::string_view lines(run, static_cast<std::size_t>(run_end - run));
    if (!fits(lines.size())) return nullptr;
    at = append_text(at, lines);
  }
  return at;
}

char* append_connection(char* at, const Tail& tail) {
  switch (tail.connection) {
    case ConnectionOption::kNone:
      return at;
    case ConnectionOption::kClose:
      return append_text(at, kConnectionClose);
    case ConnectionOption::kKeepAlive:
      return append_text(at, kConnectionKeepAlive);
    case ConnectionOption::kUpgrade:
      at = append_text(at, kConnectionUpgrade);
      at = append_text(at, tail.upgrade_protocol);
      return append_text(at, kCrlf);
  }
  return at;
}

// At most, of what stands behind the fields: Content-Length or Transfer-Encoding, Connection, the empty line.
constexpr std::size_t kLengthBytesMax = 40;
static_assert(kContentLength.size() + 20 + kCrlf.size() <= kLengthBytesMax &&
              kChunked.size() <= kLengthBytesMax);

std::size_t tail_end_bytes_max(const Tail& tail) {
  return kLengthBytesMax + kConnectionUpgrade.size() + tail.upgrade_protocol.size() + 2 * kCrlf.size();
}

// Null: the fields do not fit in front of `limit`. The rest is not checked.
char* append_tail(char* at, const char* limit, const Tail& tail) {
  if (!tail.host.empty()) at = append_field(at, "Host", tail.host);
  if (tail.headers != nullptr) {
    at = append_fields(at, limit, *tail.headers, tail.first_skipped);
    if (at == nullptr) return nullptr;
  }
  if (tail.write_length) {
    at = append_text(at, kContentLength);
    at = append_decimal(at, tail.content_length);
    at = append_text(at, kCrlf);
  }
  if (tail.write_chunked) at = append_text(at, kChunked);
  at = append_connection(at, tail);
  return append_text(at, kCrlf);
}

Tail tail_of(const RequestWrite& head) {
  CHECK(head.framing != Framing::kUntilClose);
  CHECK(head.framing != Framing::kChunked || head.protocol == Protocol::k11);
  return {.headers = head.headers,
          .first_skipped = head.host.empty() ? kFirstHopByHop : KnownHeader::kHost,
          .host = head.host,
          .upgrade_protocol = head.upgrade_protocol,
          .content_length = head.content_length,
          .connection = head.connection,
          .write_length = head.framing == Framing::kLength,
          .write_chunked = head.framing == Framing::kChunked};
}

Tail tail_of(const ResponseWrite& head) {
  CHECK(head.framing != Framing::kChunked || head.protocol == Protocol::k11);
  const bool no_framing = head.status < 200 || head.status == 204;  // RFC 9112 6.1, RFC 9110 8.6
  const bool no_body = no_framing || head.status == 304;
  const bool length = head.framing == Framing::kLength && !no_body;
  Tail tail{
      .headers = head.headers,
      .first_skipped = kFirstHopByHop,
      .host = {},
      .upgrade_protocol = head.upgrade_protocol,
      .content_length = head.content_length,
      .connection = head.connection,
      .write_length = length || (head.has_content_length && !no_framing && head.framing != Framing::kChunked),
      .write_chunked = head.framing == Framing::kChunked && !no_body};
  if (head.framing == Framing::kUntilClose && !no_body) tail.connection = ConnectionOption::kClose;
  if (tail.upgrade_protocol.empty() && head.headers != nullptr) {
    tail.upgrade_protocol = head.headers->value(KnownHeader::kUpgrade);
  }
  return tail;
}

std::string_view reason_of(const ResponseWrite& head) {
  return head.reason.empty() ? reason_phrase(head.status) : head.reason;
}

bool is_writable(const ResponseWrite& head) {
  return head.status >= 100 && head.status <= 999 && is_valid_header_value(head.reason) &&
         is_valid_header_value(head.upgrade_protocol);
}

// " HTTP/1.1" CRLF, "HTTP/1.1 200 " CRLF
constexpr std::size_t kRequestLineFixedBytes = 1 + 9 + 2;
constexpr std::size_t kStatusLineFixedBytes = 13 + 2;

char* append_head(char* at, const char* limit, const RequestWrite& head, const Tail& tail) {
  at = append_text(at, head.method);
  *at++ = ' ';
  at = append_text(at, head.target);
  *at++ = ' ';
  at = append_text(at, protocol_text(head.protocol));
  return append_tail(append_text(at, kCrlf), limit, tail);
}

char* append_head(char* at, const char* limit, const ResponseWrite& head, const Tail& tail) {
  at = append_text(at, protocol_text(head.protocol));
  *at++ = ' ';
  at = append_decimal(at, head.status);
  *at++ = ' ';
  at = append_text(at, reason_of(head));
  return append_tail(append_text(at, kCrlf), limit, tail);
}

std::size_t first_line_bytes(const RequestWrite& head) {
  return head.method.size() + head.target.size() + kRequestLineFixedBytes;
}
std::size_t first_line_bytes(const ResponseWrite& head) {
  return reason_of(head).size() + kStatusLineFixedBytes;
}

template <typename Head>
std::size_t head_bytes(const Head& head) {
  if (!is_writable(head)) return 0;
  return first_line_bytes(head) + tail_bytes(tail_of(head));
}

template <typename Head>
std::size_t write_head(const Head& head, std::span<char> out) {
  if (!is_writable(head)) return 0;
  const Tail tail = tail_of(head);
  const std::size_t bytes = first_line_bytes(head) + tail_bytes(tail);
  if (bytes > out.size()) return 0;
  append_head(out.data(), out.data() + out.size(), head, tail);
  return bytes;
}

// Into what is left of the arena's block, without adding up its bytes before. Empty: it may not fit.
template <typename Head>
std::string_view write_into_room(const Head& head, const Tail& tail, base::Arena& arena) {
  const std::span<char> room = arena.room();
  const std::size_t end_bytes = tail_end_bytes_max(tail);
  const std::size_t begin_bytes = first_line_bytes(head) + kHost.size() + tail.host.size() + kCrlf.size();
  if (begin_bytes + end_bytes > room.size()) return {};
  const char* const end = append_head(room.data(), room.data() + room.size() - end_bytes, head, tail);
  if (end == nullptr) return {};
  const std::string_view out(room.data(), static_cast<std::size_t>(end - room.data()));
  arena.use_room(out.size());
  return out;
}

template <typename Head>
std::string_view write_head(const Head& head, base::Arena& arena) {
  if (!is_writable(head)) return {};
  const Tail tail = tail_of(head);
  const std::string_view written = write_into_room(head, tail, arena);
  if (!written.empty()) [[likely]]
    return written;
  const std::size_t bytes = first_line_bytes(head) + tail_bytes(tail);
  char* out = arena.text(bytes);
  append_head(out, out + bytes, head, tail);
  return {out, bytes};
}

}  // namespace

bool is_writable(const RequestWrite& head) {
  return is_one_word(head.method) && is_one_word(head.target) && is_valid_header_value(head.host) &&
         is_valid_header_value(head.upgrade_protocol);
}

bool is_hop_by_hop(const HeaderField& field) {
  return is_left_out(field, kFirstHopByHop);
}

std::size_t request_head_bytes(const RequestWrite& head) {
  return head_bytes(head);
}
std::size_t response_head_bytes(const ResponseWrite& head) {
  return head_bytes(head);
}
std::size_t write_request_head(const RequestWrite& head, std::span<char> out) {
  return write_head(head, out);
}
std::size_t write_response_head(const ResponseWrite& head, std::span<char> out) {
  return write_head(head, out);
}
std::string_view write_request_head(const RequestWrite& head, base::Arena& arena) {
  return write_head(head, arena);
}
std::string_view write_response_head(const ResponseWrite& head, base::Arena& arena) {
  return write_head(head, arena);
}

std::size_t write_chunk_line(std::uint64_t chunk_bytes, char* out) {
  char* end = std::to_chars(out, out + kChunkLineBytesMax - 2, chunk_bytes, 16).ptr;
  return static_cast<std::size_t>(append_text(end, kCrlf) - out);
}

char* append_decimal(char* at, std::uint64_t number) {
  constexpr std::size_t kDigitsMax = 20;
  return std::to_chars(at, at + kDigitsMax, number).ptr;
}

char* append_field(char* at, std::string_view name, std::string_view value) {
  at = append_text(at, name);
  *at++ = ':';
  *at++ = ' ';
  at = append_text(at, value);
  return append_text(at, kCrlf);
}

}  // namespace apisix::http
