#include "shared/http/known_header.h"

#include <array>
#include <cstring>

#include "shared/base/text.h"

namespace apisix::http {
namespace {

// In the order of the enum.
constexpr std::array<std::string_view, kKnownHeaders> kNames{
    "",
    "Host",
    "Connection",
    "Content-Length",
    "Transfer-Encoding",
    "Expect",
    "Upgrade",
    "TE",
    "Trailer",
    "Keep-Alive",
    "Proxy-Connection",
    "HTTP2-Settings",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Uri",
    "X-Real-IP",
    "Forwarded",
    "Via",
    "X-Request-Id",
    "Cookie",
    "Set-Cookie",
    "User-Agent",
    "Referer",
    "Origin",
    "Authorization",
    "WWW-Authenticate",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Accept-Ranges",
    "Content-Type",
    "Content-Encoding",
    "Content-Disposition",
    "Content-Range",
    "Server",
    "Date",
    "Location",
    "Refresh",
    "Vary",
    "ETag",
    "Last-Modified",
    "Expires",
    "Cache-Control",
    "Pragma",
    "Age",
    "Allow",
    "Range",
    "Retry-After",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
    "Access-Control-Allow-Origin",
    "Access-Control-Request-Method",
    "X-Accel-Buffering",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Accept",
    "traceparent",
    "apikey",
};

constexpr std::size_t kNameBytesMax = 32;
struct LowerName {
  char text[kNameBytesMax] = {};
  std::uint8_t size = 0;
};

constexpr std::array<LowerName, kKnownHeaders> lower_names() {
  std::array<LowerName, kKnownHeaders> out{};
  for (std::size_t i = 0; i < kKnownHeaders; ++i) {
    out[i].size = static_cast<std::uint8_t>(kNames[i].size());
    for (std::size_t j = 0; j < kNames[i].size(); ++j) out[i].text[j] = base::to_lower(kNames[i][j]);
  }
  return out;
}
constexpr std::array<LowerName, kKnownHeaders> kLowerNames = lower_names();

// When a new name collides, the static_assert below fails: try other odd multipliers.
constexpr std::uint32_t kHashMultiplier = 0x20184c47;
constexpr unsigned kHashBits = 8;

// At least two characters. Case is folded by setting the bit in which letters differ.
constexpr std::size_t hash_of(const char* name, std::size_t size) {
  const auto folded = [name](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(name[i])} | 0x20u;
  };
  const std::uint32_t key =
      folded(0) | folded(size / 2) << 8 | folded(size - 2) << 16 | static_cast<std::uint32_t>(size) << 24;
  return static_cast<std::size_t>((key * kHashMultiplier) >> (32 - kHashBits));
}

constexpr std::array<std::uint8_t, 1u << kHashBits> slots() {
  std::array<std::uint8_t, 1u << kHashBits> out{};
  for (std::size_t i = 1; i < kKnownHeaders; ++i) {
    out[hash_of(kLowerNames[i].text, kLowerNames[i].size)] = static_cast<std::uint8_t>(i);
  }
  return out;
}
constexpr std::array<std::uint8_t, 1u << kHashBits> kSlots = slots();

constexpr bool hash_is_perfect() {
  for (std::size_t i = 1; i < kKnownHeaders; ++i) {
    if (kSlots[hash_of(kLowerNames[i].text, kLowerNames[i].size)] != i) return false;
  }
  return true;
}
static_assert(hash_is_perfect());

template <typename Word>
bool word_equals(const char* name, const char* lower) {
  Word a;
  Word b;
  std::memcpy(&a, name, sizeof a);
  std::memcpy(&b, lower, sizeof b);
  // Letters, and of the characters in our names only they, have bit 0x40: for those 0x20 is the case.
  constexpr Word kLetter = static_cast<Word>(0x4040404040404040u);
  return (a | static_cast<Word>((b & kLetter) >> 1)) == b;
}

template <typename Word>
bool words_equal(const char* name, const char* lower, std::size_t size) {
  std::size_t at = 0;
  for (; at + sizeof(Word) < size; at += sizeof(Word)) {
    if (!word_equals<Word>(name + at, lower + at)) return false;
  }
  at = size - sizeof(Word);  // the last one overlaps the one before
  return word_equals<Word>(name + at, lower + at);
}

bool equals_lower(const char* name, const char* lower, std::size_t size) {
  if (size >= 8) return words_equal<std::uint64_t>(name, lower, size);
  if (size >= 4) return words_equal<std::uint32_t>(name, lower, size);
  return words_equal<std::uint16_t>(name, lower, size);
}

}  // namespace

KnownHeader identify_header(std::string_view name) {
  if (name.size() < 2 || name.size() >= kNameBytesMax) return KnownHeader::kUnknown;
  const std::uint8_t slot = kSlots[hash_of(name.data(), name.size())];
  const LowerName& candidate = kLowerNames[slot];
  if (candidate.size != name.size()) return KnownHeader::kUnknown;
  if (!equals_lower(name.data(), candidate.text, name.size())) return KnownHeader::kUnknown;
  return static_cast<KnownHeader>(slot);
}

std::string_view header_name(KnownHeader id) {
  return kNames[static_cast<std::size_t>(id)];
}

}  // namespace apisix::http
