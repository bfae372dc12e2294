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
constexpr std::string_view kColon = ": ";
constexpr std::string_view kCrlf = "\r\n";

// No control character, tab included, and no space: what may stand between the spaces of a request line.
bool is_one_word(std::string_view text) {
  return !text.empty() && !scan::has_any(text, scan::QueryEnd{});
}

unsigned decimal_digits(std::uint64_t number) {
  unsigned digits = 1;
  for (; number >= 10; number /= 10) ++digits;
  return digits;
}

// What both kinds of head have behind their first line. What makes and reads it is inlined into one function
// for each kind, so that its parts stay in registers.
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

// "name: value\r\n"
[[gnu::always_inline]] inline char* append_line(char* at, std::string_view name, std::string_view value) {
  at = append_text(at, name);
  at = append_text(at, kColon);
  at = append_text(at, value);
  return append_text(at, kCrlf);
}

// Runs of intact lines that follow each other in memory are copied at once. Null: they do not
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
      at = append_line(at, field->name, field->value);
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

[[gnu::always_inline]] inline char* append_connection(char* at, const Tail& tail) {
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

[[gnu::always_inline]] inline std::size_t tail_end_bytes_max(const Tail& tail) {
  return kLengthBytesMax + kConnectionUpgrade.size() + tail.upgrade_protocol.size() + 2 * kCrlf.size();
}

// Null: the fields do not fit in front of `limit`. The rest is not checked.
[[gnu::always_inline]] inline char* append_tail(char* at, const char* limit, const Tail& tail) {
  if (!tail.host.empty()) at = append_line(at, "Host", tail.host);
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

[[gnu::always_inline]] inline Tail tail_of(const RequestWrite& head) {
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

[[gnu::always_inline]] inline Tail tail_of(const ResponseWrite& head) {
  CHECK(head.framing != Framing::kChunked || head.protocol == Protocol::k11);
  Tail tail{.headers = head.headers,
            .first_skipped = kFirstHopByHop,
            .host = {},
            .upgrade_protocol = head.upgrade_protocol,
            .content_length = head.content_length,
            .connection = head.connection,
            .write_length = head.framing == Framing::kLength,
            .write_chunked = head.framing == Framing::kChunked};
  const bool no_framing = head.status < 200 || head.status == 204;  // RFC 9112 6.1, RFC 9110 8.6
  if (no_framing || head.status == 304) [[unlikely]] {
    tail.write_length = tail.write_chunked = false;
  } else if (head.framing == Framing::kUntilClose) {
    tail.connection = ConnectionOption::kClose;
  }
  tail.write_length |= head.has_content_length && !no_framing && head.framing != Framing::kChunked;
  if (head.connection == ConnectionOption::kUpgrade && tail.upgrade_protocol.empty() &&
      head.headers != nullptr) {
    tail.upgrade_protocol = head.headers->value(KnownHeader::kUpgrade);
  }
  return tail;
}

std::string_view reason_of(const ResponseWrite& head) {
  return head.reason.empty() ? reason_phrase(head.status) : head.reason;
}

// No control character but a tab. Most heads have nothing there.
[[gnu::always_inline]] inline bool is_in_line(std::string_view text) {
  return text.empty() || !scan::has_any(text, scan::Control{});
}

// Nearly every response begins with it.
constexpr std::string_view kOkLine = "HTTP/1.1 200 OK\r\n";
[[gnu::always_inline]] inline bool has_ok_line(const ResponseWrite& head) {
  return head.status == 200 && head.protocol == Protocol::k11 && (head.reason.empty() || head.reason == "OK");
}

[[gnu::always_inline]] inline bool is_writable(const ResponseWrite& head) {
  if (has_ok_line(head)) return is_in_line(head.upgrade_protocol);
  return head.status >= 100 && head.status <= 999 && is_in_line(head.reason) &&
         is_in_line(head.upgrade_protocol);
}

// Three digits: is_writable() looked.
[[gnu::always_inline]] inline char* append_status(char* at, unsigned status) {
  at[0] = static_cast<char>('0' + status / 100);
  at[1] = static_cast<char>('0' + status / 10 % 10);
  at[2] = static_cast<char>('0' + status % 10);
  return at + 3;
}

// " HTTP/1.1" CRLF, "HTTP/1.1 200 " CRLF
constexpr std::size_t kRequestLineFixedBytes = 1 + 9 + 2;
constexpr std::size_t kStatusLineFixedBytes = 13 + 2;

[[gnu::always_inline]] inline char* append_head(char* at, const char* limit, const RequestWrite& head,
                                                const Tail& tail) {
  at = append_text(at, head.method);
  *at++ = ' ';
  at = append_text(at, head.target);
  *at++ = ' ';
  at = append_text(at, protocol_text(head.protocol));
  return append_tail(append_text(at, kCrlf), limit, tail);
}

char* append_status_line(char* at, const ResponseWrite& head) {
  at = append_text(at, protocol_text(head.protocol));
  *at++ = ' ';
  at = append_status(at, head.status);
  *at++ = ' ';
  at = append_text(at, reason_of(head));
  return append_text(at, kCrlf);
}

[[gnu::always_inline]] inline char* append_head(char* at, const char* limit, const ResponseWrite& head,
                                                const Tail& tail) {
  at = has_ok_line(head) ? append_text(at, kOkLine) : append_status_line(at, head);
  return append_tail(at, limit, tail);
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

// Of a head whose bytes were added up.
template <typename Head>
[[gnu::noinline]] void write_exactly(const Head& head, std::span<char> out) {
  append_head(out.data(), out.data() + out.size(), head, tail_of(head));
}

template <typename Head>
std::size_t write_head(const Head& head, std::span<char> out) {
  if (!is_writable(head)) return 0;
  const std::size_t bytes = first_line_bytes(head) + tail_bytes(tail_of(head));
  if (bytes > out.size()) return 0;
  write_exactly(head, out.first(bytes));
  return bytes;
}

// Into what is left of the arena's block, without adding up its bytes before. Empty: it may not fit.
template <typename Head>
[[gnu::always_inline]] inline std::string_view write_into_room(const Head& head, const Tail& tail,
                                                               base::Arena& arena) {
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

// Into a block of its own.
template <typename Head>
[[gnu::noinline]] std::string_view write_apart(const Head& head, base::Arena& arena) {
  const std::size_t bytes = first_line_bytes(head) + tail_bytes(tail_of(head));
  char* const out = arena.text(bytes);
  write_exactly(head, {out, bytes});
  return {out, bytes};
}

template <typename Head>
std::string_view write_head(const Head& head, base::Arena& arena) {
  if (!is_writable(head)) return {};
  const std::string_view written = write_into_room(head, tail_of(head), arena);
  return !written.empty() ? written : write_apart(head, arena);
}

}  // namespace

[[gnu::always_inline]] bool is_as_received(const RequestWrite& head) {
  if (head.received == nullptr) return false;
  const auto is_same = [](std::string_view a, std::string_view b) {
    return a.data() == b.data() && a.size() == b.size();
  };
  const RequestHead& received = *head.received;
  return is_same(head.target, received.target) && is_same(head.host, received.authority) &&
         is_same(head.method, received.method_text) &&
         (head.upgrade_protocol.empty() || is_same(head.upgrade_protocol, received.upgrade_protocol));
}

bool is_writable(const RequestWrite& head) {
  if (is_as_received(head)) [[likely]]
    return true;
  return is_one_word(head.method) && is_one_word(head.target) && is_in_line(head.host) &&
         is_in_line(head.upgrade_protocol);
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
  return append_line(at, name, value);
}

}  // namespace apisix::http
