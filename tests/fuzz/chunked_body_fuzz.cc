// Any bytes as a chunked body. Every split gives the same data and the same end, a decoder written without
// any thought of speed agrees, and what was decoded can be encoded and decoded again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "shared/http/h1/chunked_decoder.h"
#include "shared/http/h1/head_writer.h"

namespace apisix::http {
namespace {

struct Outcome {
  std::string data;
  std::string trailers;
  std::size_t consumed = 0;  // up to the end
  bool done = false;
  bool bad = false;
};

Outcome decode(std::string_view body, std::size_t step) {
  Outcome out;
  ChunkedDecoder decoder;
  while (!body.empty() && !out.done && !out.bad) {
    const std::string piece(body.substr(0, step));
    std::string_view in = piece;
    while (!in.empty() && !out.done && !out.bad) {
      const ChunkedDecoder::Step result = decoder.feed(in);
      CHECK(result.consumed <= in.size());
      CHECK(result.consumed > 0 || result.result == ChunkedDecoder::Result::kBad);
      CHECK(result.bytes.empty() || (result.bytes.data() >= in.data() &&
                                     result.bytes.data() + result.bytes.size() <= in.data() + in.size()));
      if (result.result == ChunkedDecoder::Result::kData) out.data.append(result.bytes);
      if (result.result == ChunkedDecoder::Result::kTrailers) out.trailers.append(result.bytes);
      out.done = result.result == ChunkedDecoder::Result::kDone;
      out.bad = result.result == ChunkedDecoder::Result::kBad;
      out.consumed += result.consumed;
      in.remove_prefix(result.consumed);
    }
    body.remove_prefix(piece.size());
  }
  return out;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

// The whole body in one piece, line by line. False: not a whole well-formed body.
bool decode_naively(std::string_view body, Outcome& out) {
  std::string_view rest = body;
  std::size_t extensions = 0;
  const auto take_line = [&rest](std::string_view& line) {
    const std::size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) return false;
    line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    return std::none_of(line.begin(), line.end(), is_control);
  };
  std::string_view line;
  bool last = false;
  while (take_line(line)) {
    const std::size_t digits =
        static_cast<std::size_t>(std::find_if_not(line.begin(), line.end(), is_hex) - line.begin());
    if (digits == 0 || digits > 15 || (digits < line.size() && line[digits] != ';')) return false;
    if (digits < line.size()) {
      const std::size_t extension = line.size() - digits - 1;
      extensions += extension;
      if (extension > ChunkedDecoder::kExtensionBytesMax ||
          extensions > ChunkedDecoder::kExtensionBytesTotalMax) {
        return false;
      }
    }
    const std::uint64_t size = std::stoull(std::string(line.substr(0, digits)), nullptr, 16);
    last = size == 0;
    if (last) break;
    if (size > rest.size() || rest.substr(static_cast<std::size_t>(size), 2) != "\r\n") return false;
    out.data.append(rest.substr(0, static_cast<std::size_t>(size)));
    rest.remove_prefix(static_cast<std::size_t>(size) + 2);
  }
  if (!last) return false;
  while (take_line(line)) {
    if (line.empty()) {
      out.consumed = body.size() - rest.size();
      return true;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return false;
    out.trailers.append(line).append("\r\n");
    if (out.trailers.size() > ChunkedDecoder::kTrailerBytesMax) return false;
  }
  return false;
}

std::string encode(std::string_view data, std::size_t chunk_bytes) {
  std::string out;
  char line[kChunkLineBytesMax];
  for (; !data.empty(); data.remove_prefix(std::min(chunk_bytes, data.size()))) {
    const std::string_view chunk = data.substr(0, chunk_bytes);
    out.append(line, write_chunk_line(chunk.size(), line)).append(chunk).append(kChunkEnd);
  }
  return out.append(kLastChunk);
}

}  // namespace
}  // namespace apisix::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix;
  using namespace apisix::http;
  if (size < 1 || size > 16384) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = decode(body, body.size());
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{17}, std::size_t{data[0]} + 1}) {
    const Outcome split = decode(body, step);
    CHECK(split.done == whole.done && split.bad == whole.bad && split.data == whole.data);
    CHECK(whole.bad || (split.trailers == whole.trailers && split.consumed == whole.consumed));
  }
  Outcome naive;
  CHECK(decode_naively(body, naive) == whole.done);
  if (!whole.done) return 0;
  CHECK(naive.data == whole.data && naive.trailers == whole.trailers && naive.consumed == whole.consumed);

  base::Arena arena;
  HeaderMap trailers;
  if (parse_trailers(whole.trailers, arena, 100, trailers)) {
    CHECK(!trailers.has(KnownHeader::kContentLength) && !trailers.has(KnownHeader::kTransferEncoding));
  }
  const Outcome again = decode(encode(whole.data, std::size_t{data[0]} + 1), 64);
  CHECK(again.done && again.data == whole.data && again.trailers.empty());
  return 0;
}
