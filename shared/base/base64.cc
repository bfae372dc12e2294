#include "shared/base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace apisix::base {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNone = 64;

constexpr std::array<std::uint8_t, 256> values_of(std::string_view alphabet) {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = values_of(kAlphabet);
constexpr std::array<std::uint8_t, 256> kUrlValues = values_of(kUrlAlphabet);

std::string encode(std::string_view bytes, std::string_view alphabet, bool pads) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t held = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < held ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k <= held; ++k) out += alphabet[bits >> (18 - 6 * k) & 63];
    if (pads) out.append(3 - held, '=');
  }
  return out;
}

std::optional<std::size_t> decode(std::string_view text, const std::array<std::uint8_t, 256>& values,
                                  char* out) {
  text = text.substr(0, text.find('='));
  if (text.size() % 4 == 1) return std::nullopt;
  std::size_t size = 0;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::uint8_t value = values[static_cast<unsigned char>(c)];
    if (value == kNone) return std::nullopt;
    bits = bits << 6 | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out[size++] = static_cast<char>(bits >> held);
    }
  }
  return size;
}

std::optional<std::string> decode(std::string_view text, const std::array<std::uint8_t, 256>& values) {
  std::string out(decoded_size_max(text.size()), '\0');
  const auto size = decode(text, values, out.data());
  if (!size) return std::nullopt;
  out.resize(*size);
  return out;
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  return encode(bytes, kAlphabet, true);
}

std::optional<std::string> decode_base64(std::string_view text) {
  return decode(text, kValues);
}

std::string encode_base64url(std::string_view bytes) {
  return encode(bytes, kUrlAlphabet, false);
}

std::optional<std::string> decode_base64url(std::string_view text) {
  return decode(text, kUrlValues);
}

std::optional<std::size_t> decode_base64_to(std::string_view text, char* out) {
  return decode(text, kValues, out);
}

}  // namespace apisix::base
