// Pieces: what one write sends, as views of bytes that lie elsewhere: a head perhaps, and body pieces.
// Content: a part of a message's body without any framing; what sessions and exchanges hand to each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <sys/uio.h>

#include "shared/http/h1/head_writer.h"
#include "shared/net/socket.h"

namespace apisix::http {

// Pieces of content in one hand-over: with a head, stored bytes, a chunk's line and end, and the last chunk
// they still fit into one write.
inline constexpr std::size_t kContentPiecesMax = net::kPiecesMax - 8;

class Pieces {
 public:
  void add(std::string_view bytes) {
    if (!bytes.empty()) pieces_[size_++] = net::piece(bytes);
  }
  void add(std::span<const iovec> pieces) {
    for (const iovec& piece : pieces) pieces_[size_++] = piece;
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }
  std::span<const iovec> span() const { return {pieces_.data(), size_}; }
  std::size_t bytes() const {
    std::size_t total = 0;
    for (const iovec& piece : span()) total += piece.iov_len;
    return total;
  }

  // The line in front of a chunk. One chunk per write: its text lies here.
  void add_chunk_line(std::uint64_t chunk_bytes) {
    pieces_[size_++] = {line_.data(), write_chunk_line(chunk_bytes, line_.data())};
  }

 private:
  std::array<iovec, net::kPiecesMax> pieces_;
  std::array<char, kChunkLineBytesMax> line_;
  std::size_t size_ = 0;
};

struct Content {
  std::span<const iovec> pieces = {};   // at most kContentPiecesMax, none of them empty
  std::size_t bytes = 0;                // in all pieces
  bool end = false;                     // the body ends behind them
  const HeaderMap* trailers = nullptr;  // with `end`, when there are any
};

}  // namespace apisix::http
