// Writes HTTP/1 heads. Only the codec writes Content-Length, Transfer-Encoding, Connection and Upgrade: they
// come from the fields of the structs below, never from the header map, of which hop-by-hop fields and
// those that Connection nominated are left out. So nothing that a plugin or a peer puts into the map can move
// the end of a message. Lines that are still as received, or were made as lines, are copied in runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/http/message.h"

namespace apisix::http {

enum class ConnectionOption : std::uint8_t {
  kNone,       // no Connection field: HTTP/1.1's default is to keep the connection
  kClose,      // "Connection: close"
  kKeepAlive,  // "Connection: keep-alive"
  kUpgrade,    // "Connection: upgrade" and "Upgrade: <upgrade_protocol>"
};

struct RequestWrite {
  std::string_view method = {};  // text: RequestHead::method_text
  std::string_view target = {};  // raw, escaped: written as it is
  std::string_view host = {};    // replaces the map's Host when not empty
  const HeaderMap* headers = nullptr;
  // The request that is sent on: what of the texts is a view of its own was checked when it was parsed. Null:
  // there is none, all are checked.
  const RequestHead* received = nullptr;
  std::string_view upgrade_protocol = {};  // for kUpgrade
  std::uint64_t content_length = 0;
  Framing framing = Framing::kNone;  // kUntilClose is not for requests
  Protocol protocol = Protocol::k11;
  ConnectionOption connection = ConnectionOption::kNone;
};

struct ResponseWrite {
  std::uint16_t status = 200;
  Framing framing = Framing::kLength;
  Protocol protocol = Protocol::k11;
  ConnectionOption connection = ConnectionOption::kNone;
  // Writes Content-Length with framing kNone: HEAD and 304.
  bool has_content_length = false;
  std::string_view reason = {};  // "": reason_phrase(status)
  const HeaderMap* headers = nullptr;
  std::string_view upgrade_protocol = {};  // for kUpgrade; "": the map's Upgrade (a 101 passed on)
  std::uint64_t content_length = 0;
};

// True for a field that must not leave this hop: hop-by-hop by RFC 9110 7.6.1, owned by the codec, or
// nominated by its message's Connection.
bool is_hop_by_hop(const HeaderField& field);

// Whether the texts are the very bytes of the head that was received, and with them the parser's checks,
// which allow no more.
bool is_as_received(const RequestWrite& head);
// Whether the head can be written, by the same rules.
bool is_writable(const RequestWrite& head);

// Exact bytes of the head that write_* produces; 0 when it cannot be written: the method or target is
// empty or holds a space or a control character, the host, reason or protocol a control character, or the
// status is not three digits. That is the last line of defence behind the code that computed them.
std::size_t request_head_bytes(const RequestWrite& head);
std::size_t response_head_bytes(const ResponseWrite& head);
// Returns the bytes written; 0, and nothing written, when it cannot be written or `out` is too small.
std::size_t write_request_head(const RequestWrite& head, std::span<char> out);
std::size_t write_response_head(const ResponseWrite& head, std::span<char> out);
// The same into the arena; empty when it cannot be written.
std::string_view write_request_head(const RequestWrite& head, base::Arena& arena);
std::string_view write_response_head(const ResponseWrite& head, base::Arena& arena);

// "<hex>\r\n" in front of a chunk's data; returns the bytes written, at most kChunkLineBytesMax. After the
// data goes kChunkEnd, after the last chunk kLastChunk.
inline constexpr std::size_t kChunkLineBytesMax = 18;
std::size_t write_chunk_line(std::uint64_t chunk_bytes, char* out);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Building blocks for direct responses and other writers of lines; they return the end of what was
// written and check no bound.
[[gnu::always_inline]] inline char* append_text(char* at, std::string_view text) {
  const char* const from = text.data();
  const std::size_t bytes = text.size();
  // Names and most values are short: two copies that overlap are dearer than one, and cheaper than a call.
  const auto copy_ends = [&]<std::size_t kBytes>() __attribute__((always_inline)) {
    std::memcpy(at, from, kBytes);
    std::memcpy(at + bytes - kBytes, from + bytes - kBytes, kBytes);
  };
  if (bytes < 16) {
    if (bytes >= 8) {
      copy_ends.template operator()<8>();
    } else if (bytes >= 4) {
      copy_ends.template operator()<4>();
    } else if (bytes != 0) {
      at[0] = from[0];
      at[bytes / 2] = from[bytes / 2];
      at[bytes - 1] = from[bytes - 1];
    }
  } else if (bytes <= 32) {
    copy_ends.template operator()<16>();
  } else if (bytes <= 64) {
    copy_ends.template operator()<32>();
  } else {
    std::memcpy(at, from, bytes);
  }
  return at + bytes;
}
char* append_decimal(char* at, std::uint64_t number);
char* append_field(char* at, std::string_view name, std::string_view value);  // "name: value\r\n"
inline constexpr std::size_t kFieldFixedBytes = 4;                            // ": " and CRLF
// The same for a field that is to be put into a map: it views its own line, which write_*_head() then copies
// whole. `at` moves behind it. Inline: where the name is a constant, so is all but the value.
[[gnu::always_inline]] inline HeaderField append_own_field(char*& at, KnownHeader id, std::string_view name,
                                                           std::string_view value) {
  HeaderField field{.name = {at, name.size()}, .value = {}, .id = id, .intact = true};
  at = append_text(append_text(at, name), ": ");
  field.value = {at, value.size()};
  at = append_text(append_text(at, value), "\r\n");
  return field;
}

}  // namespace apisix::http
