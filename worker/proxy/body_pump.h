// BodyPump: takes a body off the framing of one side and puts it on the framing of the other, without
// copying it: what goes out are pieces that view the bytes that came in. Both directions use it.
// Chunk extensions end here; trailers are passed on when both sides are chunked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <sys/uio.h>

#include "shared/base/arena_text.h"
#include "shared/http/h1/chunked_decoder.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/message.h"
#include "shared/net/socket.h"

namespace apisix::proxy {

// What one write sends: a head perhaps, and body pieces.
class Pieces {
 public:
  void add(std::string_view bytes) {
    if (!bytes.empty()) pieces_[size_++] = net::piece(bytes);
  }
  std::size_t room() const { return pieces_.size() - size_; }
  bool empty() const { return size_ == 0; }
  std::span<const iovec> span() const { return {pieces_.data(), size_}; }
  std::size_t bytes() const;

  // The line in front of a chunk whose size is known only after its pieces: a place, filled in later.
  std::size_t reserve_chunk_line() { return size_++; }
  void set_chunk_line(std::size_t at, std::uint64_t chunk_bytes) {
    pieces_[at] = {line_.data(), http::write_chunk_line(chunk_bytes, line_.data())};
  }
  void cancel_chunk_line(std::size_t at) { size_ = at; }

 private:
  std::array<iovec, net::kPiecesMax> pieces_;
  std::array<char, http::kChunkLineBytesMax> line_;  // one chunk per write
  std::size_t size_ = 0;
};

class BodyPump {
 public:
  enum class Result : std::uint8_t { kMore, kDone, kBad };
  struct Step {
    Result result;
    std::size_t consumed;    // of the raw bytes
    std::size_t body_bytes;  // of content in the pieces that were added
  };

  explicit BodyPump(base::Arena& arena) : arena_(arena) {}

  void start(http::Framing in, std::uint64_t content_length, http::Framing out);

  // What is still to come goes out in this framing.
  void go_on_as(http::Framing out) { out_ = out; }

  // Takes as much of `raw` as fits into `out`; call again with the rest while it consumes something.
  Step take(std::string_view raw, Pieces& out);
  // The sender closed its connection: the end of a body that is framed by it; a truncation of any other.
  Result on_sender_closed(Pieces& out);

  bool done() const { return done_; }
  http::Framing in() const { return in_; }
  // Content bytes to come, when the framing tells.
  std::uint64_t bytes_left() const { return left_; }

 private:
  Step take_chunked(std::string_view raw, Pieces& out);
  void add_content(std::string_view content, Pieces& out);
  void add_end(Pieces& out);

  base::Arena& arena_;
  http::ChunkedDecoder decoder_;
  base::ArenaText trailers_;  // section so far
  std::uint64_t left_ = 0;
  http::Framing in_ = http::Framing::kNone;
  http::Framing out_ = http::Framing::kNone;
  bool done_ = true;
};

}  // namespace apisix::proxy
