// A body's framing in HTTP/1 (RFC 9112 6 and 7): taken off what a peer sent, and put on what it gets. Nothing
// is copied: content is views of the bytes that came in. Chunk extensions end here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/base/arena_text.h"
#include "shared/http/h1/chunked_decoder.h"
#include "shared/http/message.h"
#include "shared/http/pieces.h"

namespace apisix::http {

class H1BodyDecoder {
 public:
  enum class Result : std::uint8_t { kMore, kDone, kBad };
  struct Step {
    Result result;
    std::size_t consumed;  // of the raw bytes
    std::size_t bytes;     // of content in the pieces that were added
  };

  explicit H1BodyDecoder(base::Arena& arena) : arena_(arena) {}

  void start(Framing framing, std::uint64_t content_length);

  // Takes as much of `raw` as `content` has room for (kContentPiecesMax); call again with the rest while it
  // consumes something.
  Step take(std::string_view raw, Pieces& content);
  // The sender closed its connection: the end of a body that is framed by it; a truncation of any other.
  Result on_sender_closed();

  bool done() const { return done_; }
  Framing framing() const { return framing_; }
  // Content bytes to come, when the framing says so.
  std::uint64_t bytes_left() const { return left_; }
  // Of a body that is done; null: none, or none that may be passed on (RFC 9110 6.5.1). In the arena.
  HeaderMap* trailers();

 private:
  Step take_chunked(std::string_view raw, Pieces& content);

  base::Arena& arena_;
  ChunkedDecoder decoder_;
  base::ArenaText trailers_;  // section so far
  std::uint64_t left_ = 0;
  Framing framing_ = Framing::kNone;
  bool done_ = true;
};

// Adds `content` to `out` in `framing`, with the body's end when it has one. All of it is one chunk, however
// many chunks it came in. `out` may hold a head already.
void add_framed(const Content& content, Framing framing, base::Arena& arena, Pieces& out);

}  // namespace apisix::http
