#include "shared/http/known_header.h"

#include <algorithm>
#include <array>
#include <bit>
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

// A name is compared as words of 8, 4 or 2 bytes, by its length: the first and the last one, which overlap
// in short names, and the two between them in names of more than two. Together they are all of its bytes.
constexpr std::size_t kNameBytesMin = 2;
constexpr std::size_t kInnerWords = 2;

static_assert(std::ranges::all_of(kNames,
                                  [](std::string_view name) { return name.size() <= kKnownNameBytesMax; }));

struct NameWords {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

template <typename Word>
constexpr Word load(const char* at) {
  if consteval {
    Word out = 0;
    for (std::size_t i = sizeof(Word); i-- > 0;) {
      const std::size_t byte = std::endian::native == std::endian::little ? i : sizeof(Word) - 1 - i;
      out = static_cast<Word>(out << 8 | static_cast<unsigned char>(at[byte]));
    }
    return out;
  } else {
    Word out;
    std::memcpy(&out, at, sizeof out);
    return out;
  }
}

template <typename Word>
constexpr NameWords ends_of(std::string_view name) {
  return {load<Word>(name.data()), load<Word>(name.data() + name.size() - sizeof(Word))};
}
// Nothing, of fewer bytes than any name has.
constexpr NameWords ends_of(std::string_view name) {
  if (name.size() >= 8) return ends_of<std::uint64_t>(name);
  if (name.size() >= 4) return ends_of<std::uint32_t>(name);
  if (name.size() >= kNameBytesMin) return ends_of<std::uint16_t>(name);
  return {};
}

// When a new name collides, the static_assert below fails: try other odd multipliers.
constexpr std::uint64_t kHashMultiplier = 0xab74180991323f9f;
constexpr unsigned kHashBits = 8;

// Of both words without bit 0x20 of each byte, the case of letters. What this makes equal besides, the
// comparison tells apart.
constexpr std::size_t hash_of(const NameWords& ends) {
  constexpr std::uint64_t kWithoutCase = ~(0x2020202020202020 | 0x2020202020202020 << 1);
  return static_cast<std::size_t>(((ends.first ^ ends.last << 1) & kWithoutCase) * kHashMultiplier >>
                                  (64 - kHashBits));
}

// Of a name in lower case. `fold` has the bit of the case where there are letters, and only there: no other
// character may equal another one.
struct FoldedWord {
  std::uint64_t lower = 0;
  std::uint64_t fold = 0;

  constexpr FoldedWord() = default;
  constexpr explicit FoldedWord(std::uint64_t word) : lower(word) {
    // Of the characters in our names only letters have bit 0x40.
    fold = (word & 0x4040404040404040) >> 1;
  }
  bool equals(std::uint64_t word) const { return (word | fold) == lower; }
};

struct Candidate {
  FoldedWord first;
  FoldedWord last;
  std::array<FoldedWord, kInnerWords> inner;  // those between, of names of more than 16 bytes
};

struct LowerName {
  std::array<char, kKnownNameBytesMax> text{};
  std::size_t size = 0;

  constexpr explicit LowerName(std::string_view name) : size(name.size()) {
    for (std::size_t i = 0; i < size; ++i) text[i] = base::to_lower(name[i]);
  }
  constexpr std::string_view view() const { return {text.data(), size}; }
};

constexpr Candidate candidate_of(std::string_view lower) {
  const NameWords ends = ends_of(lower);
  Candidate out{.first = FoldedWord(ends.first), .last = FoldedWord(ends.last), .inner = {}};
  if (lower.size() <= 16) return out;
  out.inner = {FoldedWord(load<std::uint64_t>(lower.data() + 8)),
               FoldedWord(load<std::uint64_t>(lower.data() + lower.size() - 16))};
  return out;
}

struct NameTable {
  std::array<Candidate, kKnownHeaders> candidates{};  // by KnownHeader
  std::array<std::uint8_t, kKnownHeaders> sizes{};
  std::array<std::uint8_t, 1u << kHashBits> slots{};  // by hash: a KnownHeader
};

constexpr NameTable name_table() {
  NameTable out;
  for (std::size_t i = 1; i < kKnownHeaders; ++i) {
    const LowerName name(kNames[i]);
    out.candidates[i] = candidate_of(name.view());
    out.sizes[i] = static_cast<std::uint8_t>(name.size);
    out.slots[hash_of(ends_of(name.view()))] = static_cast<std::uint8_t>(i);
  }
  return out;
}
constexpr NameTable kTable = name_table();

constexpr bool hash_is_perfect() {
  for (std::size_t i = 1; i < kKnownHeaders; ++i) {
    if (kTable.slots[hash_of(ends_of(LowerName(kNames[i]).view()))] != i) return false;
  }
  return true;
}
static_assert(hash_is_perfect());

}  // namespace

KnownHeader identify_header(std::string_view name) {
  const NameWords ends = ends_of(name);
  const std::uint8_t slot = kTable.slots[hash_of(ends)];  // kUnknown, of no size, where there is no name
  const Candidate& candidate = kTable.candidates[slot];
  if (kTable.sizes[slot] != name.size() || !candidate.first.equals(ends.first) ||
      !candidate.last.equals(ends.last)) {
    return KnownHeader::kUnknown;
  }
  if (name.size() > 16 && (!candidate.inner[0].equals(load<std::uint64_t>(name.data() + 8)) ||
                           !candidate.inner[1].equals(load<std::uint64_t>(name.data() + name.size() - 16)))) {
    return KnownHeader::kUnknown;
  }
  return static_cast<KnownHeader>(slot);
}

std::string_view header_name(KnownHeader id) {
  return kNames[static_cast<std::size_t>(id)];
}

}  // namespace apisix::http
