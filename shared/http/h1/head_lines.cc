#include "shared/http/h1/head_lines.h"

#include <algorithm>
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
  std::uint64_t control;  // control characters except tabs: line ends, and what no line may have
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
    const auto control = ((b < 0x20) & (b != '\t')) | (b == 0x7f);
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
};

struct Classify32 {
  using Bytes = unsigned char __attribute__((ext_vector_type(32)));
  using Bits = bool __attribute__((ext_vector_type(32)));
  [[gnu::always_inline]] static Masks of(const char* at) { return classify<Bytes, Bits, std::uint32_t>(at); }
};

}  // namespace

struct LineFinder {
  template <typename Classify>
  [[gnu::always_inline]] static bool find(HeadLines& out, std::string_view received) {
    const char* const bytes = received.data();
    const auto size = static_cast<std::uint32_t>(received.size());
    std::uint32_t count = 0;
    std::uint32_t line_start = 0;
    std::uint32_t colon_before = kNone;       // of the current line, in a block before
    std::uint64_t starts_with_line_feed = 0;  // the block before ended in its CR
    for (std::uint32_t base = 0; base < size; base += kBlockBytes) {
      const Masks masks = masks_at<Classify>(bytes, base, size);
      std::uint64_t control = masks.control & ~starts_with_line_feed;
      std::uint64_t colons = masks.colon;
      starts_with_line_feed = 0;
      while (control != 0) {
        const auto bit = static_cast<std::uint32_t>(std::countr_zero(control));
        const std::uint32_t at = base + bit;
        if (at + 1 >= size || std::memcmp(bytes + at, "\r\n", 2) != 0) return false;
        if (at == line_start) {  // the empty line
          out.count_ = count;
          return count != 0;
        }
        if (count == HeadLines::kLinesMax) return false;
        const std::uint32_t colon =
            base + std::min(static_cast<std::uint32_t>(std::countr_zero(colons)), bit);
        out.lines_[count++] = {.end = at, .colon = std::min(colon, colon_before)};
        colon_before = kNone;
        line_start = at + 2;
        const std::uint64_t through = control ^ (control - 1);  // the bits up to the CR's
        const std::uint64_t line_feed = through + 1;            // 0: in the next block
        starts_with_line_feed = line_feed == 0 ? 1 : 0;
        control &= ~(through | line_feed);
        colons &= ~through;
      }
      if (colons != 0)
        colon_before = std::min(colon_before, base + static_cast<std::uint32_t>(std::countr_zero(colons)));
    }
    return false;
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // Of the 64 bytes at `base`; behind the end there is nothing. No load leaves [0, size).
  template <typename Classify>
  [[gnu::always_inline]] static Masks masks_at(const char* bytes, std::uint32_t base, std::uint32_t size) {
    const std::uint32_t left = size - base;
    if (left >= kBlockBytes) return Classify::of(bytes + base);
    if (size >= kBlockBytes) {  // the last 64 bytes, without those that were seen
      const Masks masks = Classify::of(bytes + size - kBlockBytes);
      const std::uint32_t seen = kBlockBytes - left;
      return {masks.control >> seen, masks.colon >> seen};
    }
    std::array<char, kBlockBytes> copy;
    copy.fill('a');
    std::memcpy(copy.data(), bytes + base, left);
    return Classify::of(copy.data());
  }
};

namespace {

bool find16(HeadLines& out, std::string_view received) {
  return LineFinder::find<Classify16>(out, received);
}

#if APISIX_HAS_AVX2
[[gnu::target("avx2,bmi,bmi2")]] bool find32(HeadLines& out, std::string_view received) {
  return LineFinder::find<Classify32>(out, received);
}
#endif

using Find = bool (*)(HeadLines& out, std::string_view received);

Find best() {
#if APISIX_HAS_AVX2
  if (HeadLines::is_supported(HeadLines::Width::k32)) return find32;
#endif
  return find16;
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
  if (width == Width::k32) return find32(*this, received);
#endif
  return find16(*this, received);
}

}  // namespace apisix::http
