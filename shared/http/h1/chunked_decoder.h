// ChunkedDecoder: the chunked transfer coding (RFC 9112 7.1), resumable at any byte and in place: it
// yields views into what it is fed and keeps no byte itself. Chunk extensions are bounded and dropped.
//
//   kSize -> kExtension? -> kData -> kSize ... -> (size 0) kTrailers -> kDone;  anything odd -> kBad
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/http/header_map.h"

namespace apisix::http {

class ChunkedDecoder {
 public:
  static constexpr std::uint32_t kExtensionBytesMax = 256;        // of one chunk
  static constexpr std::uint32_t kExtensionBytesTotalMax = 4096;  // of one body
  static constexpr std::uint32_t kTrailerBytesMax = 8192;

  enum class Result : std::uint8_t {
    kNeedMore,  // everything was consumed, nothing to hand out
    kData,      // `bytes` is body data
    kTrailers,  // `bytes` is a part of the trailer section, checked; append it, or ignore it
    kDone,      // the body ended behind `consumed`; what follows belongs to the next message
    kBad,       // malformed: respond with 400 (request) or 502 (response) and close
  };
  struct Step {
    Result result;
    std::size_t consumed;    // of the input; the rest is for the next call
    std::string_view bytes;  // into the input
  };

  // One step: feed the rest of the input again until kNeedMore, kDone or kBad.
  //   while (!in.empty()) { auto step = decoder.feed(in); in.remove_prefix(step.consumed); ... }
  Step feed(std::string_view input);

  bool done() const { return state_ == State::kDone; }
  bool bad() const { return state_ == State::kBad; }
  // Data bytes of the current chunk that are still to come.
  std::uint64_t chunk_bytes_left() const { return left_; }
  // For logs after kBad: a constant text.
  const char* what() const { return what_; }

 private:
  enum class State : std::uint8_t {
    kSizeFirst,  // before the first digit
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,  // at the beginning of a trailer line, or of the last CRLF
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kLastLf,
    kDone,
    kBad,
  };

  Step fail(const char* what);
  std::size_t scan_size_line(std::string_view input);
  Step feed_trailers(std::string_view input);

  std::uint64_t left_ = 0;  // of the current chunk; while in kSize, the size so far
  const char* what_ = "";
  std::uint16_t extension_bytes_ = 0;
  std::uint16_t extension_bytes_total_ = 0;
  std::uint16_t trailer_bytes_ = 0;
  std::uint8_t digits_ = 0;
  State state_ = State::kSizeFirst;
};
static_assert(sizeof(ChunkedDecoder) <= 40);

// Fields that frame or route a message, say who is asking, or how to read its content (RFC 9110 6.5.1).
bool is_barred_from_trailers(const HeaderField& field);

// The trailer section that kTrailers steps yielded, buffered in stable memory, as fields, without
// those that are barred. False when malformed or more than `count_max` fields.
bool parse_trailers(std::string_view section, base::Arena& arena, std::uint32_t count_max, HeaderMap& out);

}  // namespace apisix::http
