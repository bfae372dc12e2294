#include "shared/http/h1/chunked_decoder.h"

#include <algorithm>
#include <array>

#include "shared/http/h1/field_lines.h"
#include "shared/http/h1/scan.h"
#include "shared/http/identity_fields.h"

namespace apisix::http {
namespace {

constexpr std::uint8_t kNoDigit = 0xff;
constexpr std::array<std::uint8_t, 256> hex_values() {
  std::array<std::uint8_t, 256> out{};
  out.fill(kNoDigit);
  for (int i = 0; i < 10; ++i) out['0' + i] = static_cast<std::uint8_t>(i);
  for (int i = 0; i < 6; ++i) out['a' + i] = out['A' + i] = static_cast<std::uint8_t>(10 + i);
  return out;
}
constexpr std::array<std::uint8_t, 256> kHexValues = hex_values();

// 15 digits: below 2^60, so no sum with a size overflows anywhere; longer runs of zeros are refused too.
constexpr std::uint8_t kSizeDigitsMax = 15;

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::fail(const char* what) {
  state_ = State::kBad;
  what_ = what;
  return {Result::kBad, 0, {}};
}

// Everything of a chunk but its data: the CRLF behind the data before, the size line. Returns the bytes
// consumed; stops at the first byte that is not its own, or at the end of the input.
std::size_t ChunkedDecoder::scan_size_line(std::string_view input) {
  std::size_t at = 0;
  for (; at < input.size(); ++at) {
    const char c = input[at];
    switch (state_) {
      case State::kDataCr:
        if (c != '\r') return fail("a chunk's data is not followed by CRLF"), at;
        state_ = State::kDataLf;
        break;
      case State::kDataLf:
        if (c != '\n') return fail("a chunk's data is not followed by CRLF"), at;
        state_ = State::kSizeFirst;
        break;
      case State::kSizeFirst:
      case State::kSize: {
        const std::uint8_t digit = kHexValues[static_cast<unsigned char>(c)];
        if (digit != kNoDigit) {
          if (++digits_ > kSizeDigitsMax) return fail("a chunk size has too many digits"), at;
          left_ = left_ << 4 | digit;
          state_ = State::kSize;
        } else if (state_ == State::kSizeFirst) {
          return fail("a chunk size does not begin with a hexadecimal digit"), at;
        } else if (c == '\r') {
          state_ = State::kSizeLf;
        } else if (c == ';') {
          state_ = State::kExtension;
          extension_bytes_ = 0;
        } else {
          return fail("a chunk size has a character that is not allowed"), at;
        }
        break;
      }
      case State::kExtension:
        if (c == '\r') {
          state_ = State::kSizeLf;
        } else if (scan::Control{}(static_cast<unsigned char>(c))) {
          return fail("a control character in a chunk extension"), at;
        } else if (++extension_bytes_ > kExtensionBytesMax ||
                   ++extension_bytes_total_ > kExtensionBytesTotalMax) {
          return fail("chunk extensions are too long"), at;
        }
        break;
      case State::kSizeLf:
        if (c != '\n') return fail("a chunk size line does not end in CRLF"), at;
        digits_ = 0;
        state_ = left_ == 0 ? State::kTrailerStart : State::kData;
        break;
      default:
        return at;
    }
  }
  return at;
}

// Yields the trailer section piecewise. Its own last CRLF is not part of it.
ChunkedDecoder::Step ChunkedDecoder::feed_trailers(std::string_view input) {
  std::size_t section_end = 0;  // of the bytes to hand out
  for (std::size_t at = 0; at < input.size(); ++at) {
    const char c = input[at];
    switch (state_) {
      case State::kTrailerStart:
        if (c == '\r') {
          // The section ends here; what came before in this input goes out first.
          if (section_end != 0) return {Result::kTrailers, section_end, input.substr(0, section_end)};
          state_ = State::kLastLf;
          continue;
        }
        state_ = State::kTrailerName;
        if (!is_token({&c, 1})) return fail("a trailer line does not begin with a name");
        break;
      case State::kTrailerName:
        if (c == ':') {
          state_ = State::kTrailerValue;
        } else if (!is_token({&c, 1})) {
          return fail("a trailer name has a character that is not allowed");
        }
        break;
      case State::kTrailerValue:
        if (c == '\r') {
          state_ = State::kTrailerLf;
        } else if (scan::Control{}(static_cast<unsigned char>(c))) {
          return fail("a control character in a trailer");
        }
        break;
      case State::kTrailerLf:
        if (c != '\n') return fail("a trailer line does not end in CRLF");
        state_ = State::kTrailerStart;
        break;
      case State::kLastLf:
        if (c != '\n') return fail("the body does not end in CRLF");
        state_ = State::kDone;
        return {Result::kDone, at + 1, {}};
      default:
        return fail("the decoder was fed in a state without input");
    }
    if (++trailer_bytes_ > kTrailerBytesMax) return fail("the trailers are too large");
    section_end = at + 1;
  }
  if (section_end != 0) return {Result::kTrailers, section_end, input.substr(0, section_end)};
  return {Result::kNeedMore, input.size(), {}};
}

ChunkedDecoder::Step ChunkedDecoder::feed(std::string_view input) {
  if (state_ == State::kDone) return {Result::kDone, 0, {}};
  if (state_ == State::kBad) return {Result::kBad, 0, {}};
  const std::size_t line = scan_size_line(input);
  if (state_ == State::kBad) return {Result::kBad, line, {}};
  input.remove_prefix(line);
  if (input.empty()) return {Result::kNeedMore, line, {}};
  if (state_ == State::kData) {
    const auto data = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
    left_ -= data;
    if (left_ == 0) state_ = State::kDataCr;
    return {Result::kData, line + data, input.substr(0, data)};
  }
  Step step = feed_trailers(input);
  step.consumed += line;
  return step;
}

constexpr HeaderSet kNotInTrailers{KnownHeader::kHost,
                                   KnownHeader::kConnection,
                                   KnownHeader::kContentLength,
                                   KnownHeader::kTransferEncoding,
                                   KnownHeader::kExpect,
                                   KnownHeader::kUpgrade,
                                   KnownHeader::kTe,
                                   KnownHeader::kTrailer,
                                   KnownHeader::kKeepAlive,
                                   KnownHeader::kProxyConnection,
                                   KnownHeader::kHttp2Settings,
                                   KnownHeader::kProxyAuthenticate,
                                   KnownHeader::kProxyAuthorization,
                                   KnownHeader::kXForwardedFor,
                                   KnownHeader::kXForwardedProto,
                                   KnownHeader::kXForwardedHost,
                                   KnownHeader::kXForwardedPort,
                                   KnownHeader::kXForwardedUri,
                                   KnownHeader::kXRealIp,
                                   KnownHeader::kForwarded,
                                   KnownHeader::kCookie,
                                   KnownHeader::kSetCookie,
                                   KnownHeader::kAuthorization,
                                   KnownHeader::kWwwAuthenticate,
                                   KnownHeader::kContentType,
                                   KnownHeader::kContentEncoding,
                                   KnownHeader::kContentRange,
                                   KnownHeader::kCacheControl,
                                   KnownHeader::kRange,
                                   KnownHeader::kLocation,
                                   KnownHeader::kApikey};

bool is_barred_from_trailers(const HeaderField& field) {
  return kNotInTrailers.has(field.id) || is_consumer_field(field.name);
}

bool parse_trailers(std::string_view section, base::Arena& arena, std::uint32_t count_max, HeaderMap& out) {
  // The field parser wants the empty line that feed() took off.
  const std::string_view lines = arena.concat(section, std::string_view("\r\n"));
  const FieldLimits limits{.count_max = count_max, .line_bytes_max = ChunkedDecoder::kTrailerBytesMax};
  const FieldLines parsed =
      parse_field_lines(lines.data(), lines.data(), lines.data() + lines.size(), arena, limits, out);
  if (parsed.error != nullptr) return false;
  out.remove_if(is_barred_from_trailers);
  return true;
}

}  // namespace apisix::http
