#include "shared/http/h1/head_lines.h"

#include <bit>
#include <cstring>

#if defined(__x86_64__)
#define APISIX_HAS_AVX2 1
#else
#define APISIX_HAS_AVX2 0
#endif

namespace apisix::http {
namespace {

constexpr std::uint32_t kBlockBytes = 64;

// Bit i: byte i of the block.
struct Masks {
  std::uint64_t control;  // control characters, tabs among them
  std::uint64_t colon;
};

// `Bytes` is one of the compiler's portable vectors, `Bits` as many bits.
template <typename Bytes, typename Bits, typename Word>
[[gnu::always_inline]] inline Masks classify(const char* at) {
  constexpr std::uint32_t kStep = sizeof(Bytes);
  Masks out{};
  for (std::uint32_t i = 0; i < kBlockBytes; i += kStep) {
    Bytes b;
    std::memcpy(&b, at + i, sizeof b);
    const auto control = (b < 0x20) | (b == 0x7f);
    const auto colon = b == ':';
    out.control |= std::uint64_t{std::bit_cast<Word>(__builtin_convertvector(control, Bits))} << i;
    out.colon |= std::uint64_t{std::bit_cast<Word>(__builtin_convertvector(colon, Bits))} << i;
  }
  return out;
}

struct Classify16 {
  using Bytes = unsigned char __attribute__((ext_vector_type(16)));
  using Bits = bool __attribute__((ext_vector_type(16)));
  [[gnu::always_inline]] static Masks of(const char* at) { return classify<Bytes, Bits, std::uint16_t>(at); }
  static bool find(HeadLines& out, std::string_view received);
};

#if APISIX_HAS_AVX2
struct Classify32 {
  using Bytes = unsigned char __attribute__((ext_vector_type(32)));
  using Bits = bool __attribute__((ext_vector_type(32)));
  [[gnu::always_inline]] static Masks of(const char* at) { return classify<Bytes, Bits, std::uint32_t>(at); }
  [[gnu::target("avx2,bmi,bmi2")]] static bool find(HeadLines& out, std::string_view received);
};
#endif

using Find = bool (*)(HeadLines& out, std::string_view received);

}  // namespace

struct LineFinder {
  // Every control character is an event: the CR of a line that ends well, a tab, or the end of the search.
  // The LF behind a CR is then the next bit, and is dropped with it.
  template <typename Classify>
  [[gnu::always_inline]] static bool find(HeadLines& out, std::string_view received) {
    if (received.size() <= kBlockBytes) return find_in_copy(out, received, Classify::find);
    const char* const bytes = received.data();
    // The last byte begins no line end: it is looked at behind a CR alone, so that each CR has a byte behind
    // it.
    const auto size = static_cast<std::uint32_t>(received.size()) - 1;
    HeadLines::Line* line = out.lines_.data();
    HeadLines::Line* const end = line + HeadLines::kLinesMax;
    std::uint32_t line_start = 0;
    std::uint32_t colon = 0;  // the first one of the current line; behind the blocks seen: none up to there
    for (std::uint32_t base = 0; base < size; base += kBlockBytes) {
      const Masks masks = masks_at<Classify>(bytes, base, size);
      if (colon >= base) colon = base + count_zeros(masks.colon);
      for (std::uint64_t control = masks.control; control != 0; control &= control - 1) {
        const std::uint32_t bit = count_zeros(control);
        const std::uint32_t at = base + bit;
        if (std::memcmp(bytes + at, "\r\n", 2) != 0) [[unlikely]] {
          if (bytes[at] == '\t' || is_line_feed_of_block_before(bytes, at, line_start)) continue;
          return false;
        }
        if (at == line_start) {  // the empty line
          out.count_ = static_cast<std::uint32_t>(line - out.lines_.data());
          return out.count_ != 0;
        }
        if (line == end) return false;
        *line++ = {.end = at, .colon = colon};
        line_start = at + 2;
        colon = at + count_zeros(masks.colon >> bit);
        control &= control - 1;
      }
    }
    return false;
  }

 private:
  static std::uint32_t count_zeros(std::uint64_t bits) {
    return static_cast<std::uint32_t>(std::countr_zero(bits));
  }

  // Of a CR that was the last byte of its block.
  static bool is_line_feed_of_block_before(const char* bytes, std::uint32_t at, std::uint32_t line_start) {
    return at % kBlockBytes == 0 && at + 1 == line_start && bytes[at] == '\n';
  }

  // Of the 64 bytes at `base`; behind the end there is nothing. No load leaves [0, size), which is a block at
  // least.
  template <typename Classify>
  [[gnu::always_inline]] static Masks masks_at(const char* bytes, std::uint32_t base, std::uint32_t size) {
    const std::uint32_t left = size - base;
    if (left >= kBlockBytes) return Classify::of(bytes + base);
    const Masks masks = Classify::of(bytes + size - kBlockBytes);  // without those that were seen
    const std::uint32_t seen = kBlockBytes - left;
    return {masks.control >> seen, masks.colon >> seen};
  }

  // Of a block at most: behind it are letters then, which end nothing. `find` searches the copy, with the
  // instructions of its width, which this function does not have.
  [[gnu::noinline]] static bool find_in_copy(HeadLines& out, std::string_view received, Find find) {
    std::array<char, kBlockBytes + 1> copy;
    copy.fill('a');
    received.copy(copy.data(), received.size());
    return find(out, {copy.data(), copy.size()});
  }
};

namespace {

bool Classify16::find(HeadLines& out, std::string_view received) {
  return LineFinder::find<Classify16>(out, received);
}

#if APISIX_HAS_AVX2
[[gnu::target("avx2,bmi,bmi2")]] bool Classify32::find(HeadLines& out, std::string_view received) {
  return LineFinder::find<Classify32>(out, received);
}
#endif

Find best() {
#if APISIX_HAS_AVX2
  if (HeadLines::is_supported(HeadLines::Width::k32)) return Classify32::find;
#endif
  return Classify16::find;
}
const Find kBestFind = best();

}  // namespace

bool HeadLines::is_supported(Width width) {
  if (width != Width::k32) return true;
#if APISIX_HAS_AVX2
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
         __builtin_cpu_supports("bmi2") != 0;
#else
  return false;
#endif
}

bool HeadLines::find(std::string_view received) {
  count_ = 0;
  return kBestFind(*this, received);
}

bool HeadLines::find_with(Width width, std::string_view received) {
  count_ = 0;
  if (width == Width::kBest) return kBestFind(*this, received);
#if APISIX_HAS_AVX2
  if (width == Width::k32) return Classify32::find(*this, received);
#endif
  return Classify16::find(*this, received);
}

}  // namespace apisix::http
