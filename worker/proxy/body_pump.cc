#include "worker/proxy/body_pump.h"

#include <algorithm>

namespace apisix::proxy {
namespace {

// Places kept free behind the data: chunk end, last chunk with its trailers.
constexpr std::size_t kEndPieces = 4;
constexpr std::uint32_t kTrailersMax = 64;

// RFC 9112 7.1: the chunk of size 0, the trailer fields, an empty line; in one allocation.
std::string_view last_chunk_with(const http::HeaderMap& trailers, base::Arena& arena) {
  constexpr std::string_view kZero = "0\r\n";
  constexpr std::string_view kColon = ": ";
  constexpr std::string_view kLineEnd = "\r\n";
  std::size_t size = kZero.size() + kLineEnd.size();
  for (const http::HeaderField& field : trailers) {
    size += field.name.size() + kColon.size() + field.value.size() + kLineEnd.size();
  }
  char* const text = arena.text(size);
  char* at = std::ranges::copy(kZero, text).out;
  for (const http::HeaderField& field : trailers) {
    for (const std::string_view part : {field.name, kColon, field.value, kLineEnd}) {
      at = std::ranges::copy(part, at).out;
    }
  }
  std::ranges::copy(kLineEnd, at);
  return {text, size};
}

}  // namespace

std::size_t Pieces::bytes() const {
  std::size_t total = 0;
  for (const iovec& piece : span()) total += piece.iov_len;
  return total;
}

void BodyPump::start(http::Framing in, std::uint64_t content_length, http::Framing out) {
  in_ = in;
  out_ = out;
  left_ = in == http::Framing::kLength ? content_length : 0;
  done_ = in == http::Framing::kNone || (in == http::Framing::kLength && content_length == 0);
  decoder_ = http::ChunkedDecoder();
  trailers_.clear();
}

BodyPump::Step BodyPump::take(std::string_view raw, Pieces& out) {
  if (done_) return {Result::kDone, 0, 0};
  if (in_ == http::Framing::kChunked) return take_chunked(raw, out);
  const std::size_t part = in_ == http::Framing::kLength
                               ? static_cast<std::size_t>(std::min<std::uint64_t>(left_, raw.size()))
                               : raw.size();
  add_content(raw.substr(0, part), out);
  if (in_ == http::Framing::kLength) {
    left_ -= part;
    done_ = left_ == 0;
    if (done_) add_end(out);
  }
  return {done_ ? Result::kDone : Result::kMore, part, part};
}

void BodyPump::add_content(std::string_view content, Pieces& out) {
  if (content.empty()) return;
  if (out_ != http::Framing::kChunked) {
    out.add(content);
    return;
  }
  const std::size_t line = out.reserve_chunk_line();
  out.add(content);
  out.set_chunk_line(line, content.size());
  out.add(http::kChunkEnd);
}

void BodyPump::add_end(Pieces& out) {
  if (out_ != http::Framing::kChunked) return;
  http::HeaderMap fields;
  if (!trailers_.empty() && http::parse_trailers(trailers_.view(), arena_, kTrailersMax, fields) &&
      !fields.empty()) {
    out.add(last_chunk_with(fields, arena_));
    return;
  }
  out.add(http::kLastChunk);
}

// All data of these raw bytes goes out as one chunk, however many chunks it came in.
BodyPump::Step BodyPump::take_chunked(std::string_view raw, Pieces& out) {
  const bool reframe = out_ == http::Framing::kChunked;
  const std::size_t line = reframe ? out.reserve_chunk_line() : 0;
  std::size_t consumed = 0;
  std::size_t content = 0;
  Result result = Result::kMore;
  while (consumed < raw.size() && out.room() > kEndPieces) {
    const auto step = decoder_.feed(raw.substr(consumed));
    consumed += step.consumed;
    if (step.result == http::ChunkedDecoder::Result::kData) {
      out.add(step.bytes);
      content += step.bytes.size();
    } else if (step.result == http::ChunkedDecoder::Result::kTrailers) {
      if (reframe) trailers_.append(arena_, step.bytes);
    } else if (step.result != http::ChunkedDecoder::Result::kNeedMore) {
      result = step.result == http::ChunkedDecoder::Result::kDone ? Result::kDone : Result::kBad;
      break;
    }
  }
  if (reframe) {
    if (content > 0) {
      out.set_chunk_line(line, content);
      out.add(http::kChunkEnd);
    } else {
      out.cancel_chunk_line(line);
    }
  }
  if (result == Result::kDone) {
    done_ = true;
    add_end(out);
  }
  return {result, consumed, content};
}

BodyPump::Result BodyPump::on_sender_closed(Pieces& out) {
  if (done_) return Result::kDone;
  if (in_ != http::Framing::kUntilClose) return Result::kBad;
  done_ = true;
  add_end(out);
  return Result::kDone;
}

}  // namespace apisix::proxy
