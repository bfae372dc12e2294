#include "shared/http/h1/body_framing.h"

#include <algorithm>

namespace apisix::http {
namespace {

constexpr std::uint32_t kTrailersMax = 64;

// RFC 9112 7.1: the chunk of size 0, the trailer fields, an empty line; in one allocation.
std::string_view last_chunk_with(const HeaderMap& trailers, base::Arena& arena) {
  constexpr std::string_view kZero = "0\r\n";
  constexpr std::string_view kLineEnd = "\r\n";
  std::size_t size = kZero.size() + kLineEnd.size();
  for (const HeaderField& field : trailers) size += field.name.size() + field.value.size() + kFieldFixedBytes;
  char* const text = arena.text(size);
  char* at = append_text(text, kZero);
  for (const HeaderField& field : trailers) at = append_field(at, field.name, field.value);
  append_text(at, kLineEnd);
  return {text, size};
}

}  // namespace

void H1BodyDecoder::start(Framing framing, std::uint64_t content_length) {
  framing_ = framing;
  left_ = framing == Framing::kLength ? content_length : 0;
  done_ = framing == Framing::kNone || (framing == Framing::kLength && content_length == 0);
  decoder_ = ChunkedDecoder();
  trailers_.clear();
}

H1BodyDecoder::Step H1BodyDecoder::take(std::string_view raw, Pieces& content) {
  if (done_) return {Result::kDone, 0, 0};
  if (framing_ == Framing::kChunked) return take_chunked(raw, content);
  const std::size_t part = framing_ == Framing::kLength
                               ? static_cast<std::size_t>(std::min<std::uint64_t>(left_, raw.size()))
                               : raw.size();
  content.add(raw.substr(0, part));
  if (framing_ == Framing::kLength) {
    left_ -= part;
    done_ = left_ == 0;
  }
  return {done_ ? Result::kDone : Result::kMore, part, part};
}

H1BodyDecoder::Step H1BodyDecoder::take_chunked(std::string_view raw, Pieces& content) {
  std::size_t consumed = 0;
  std::size_t bytes = 0;
  while (consumed < raw.size() && content.size() < kContentPiecesMax) {
    const auto step = decoder_.feed(raw.substr(consumed));
    consumed += step.consumed;
    switch (step.result) {
      case ChunkedDecoder::Result::kNeedMore:
        break;
      case ChunkedDecoder::Result::kData:
        content.add(step.bytes);
        bytes += step.bytes.size();
        break;
      case ChunkedDecoder::Result::kTrailers:
        trailers_.append(arena_, step.bytes);
        break;
      case ChunkedDecoder::Result::kDone:
        done_ = true;
        return {Result::kDone, consumed, bytes};
      case ChunkedDecoder::Result::kBad:
        return {Result::kBad, consumed, bytes};
    }
  }
  return {Result::kMore, consumed, bytes};
}

H1BodyDecoder::Result H1BodyDecoder::on_sender_closed() {
  if (!done_ && framing_ != Framing::kUntilClose) return Result::kBad;
  done_ = true;
  return Result::kDone;
}

HeaderMap* H1BodyDecoder::trailers() {
  if (trailers_.empty()) return nullptr;
  auto* fields = arena_.make<HeaderMap>();
  if (!parse_trailers(trailers_.view(), arena_, kTrailersMax, *fields)) return nullptr;
  return fields->empty() ? nullptr : fields;
}

void add_framed(const Content& content, Framing framing, base::Arena& arena, Pieces& out) {
  if (framing != Framing::kChunked) return out.add(content.pieces);
  if (content.bytes > 0) {
    out.add_chunk_line(content.bytes);
    out.add(content.pieces);
    out.add(kChunkEnd);
  }
  if (!content.end) return;
  out.add(content.trailers != nullptr ? last_chunk_with(*content.trailers, arena) : kLastChunk);
}

}  // namespace apisix::http
