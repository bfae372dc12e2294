// The content of one HTTP/2 stream, each way, where it waits: H2Input for the Stream that takes what the
// client sent, H2Output for windows of the client. Members of an H2Request.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "shared/http/h2/frame_output.h"
#include "shared/http/pieces.h"
#include "shared/net/buffer_chain.h"

namespace apisix::proxy {

using http::Content;
using http::Pieces;

// First views of the bytes of a read, then, when these are about to change, a copy.
class H2Input {
 public:
  std::size_t bytes() const { return bytes_; }
  void add(std::string_view bytes);
  // Copies what is only viewed.
  void keep();
  // All of it, as views that hold until more is taken.
  void take(Pieces& content);
  void drop();

  // --- of a tunnel: in one piece, after keep()
  std::string_view front() const { return std::string_view(kept_).substr(kept_at_); }
  void consume(std::size_t bytes);

 private:
  static constexpr std::size_t kFreshMax = 4;  // a read has four frames of the largest size

  std::array<std::string_view, kFreshMax> fresh_;
  std::string kept_;   // in front of fresh_; from kept_at_ on
  std::string taken_;  // by take()
  std::size_t kept_at_ = 0;
  std::size_t bytes_ = 0;
  std::uint8_t fresh_count_ = 0;
};

// What a write brings goes into frames as far as windows and the socket let it; the rest is copied, and what
// is written meanwhile waits behind it.
class H2Output {
 public:
  // --- a write: begin(), frames are made, keep_rest()
  void begin(const Content& content);
  // Returns the bytes that did not go out.
  std::size_t keep_rest(const Content& content);
  // Of the last write, how much went out at once.
  // Nothing waits in front of it: it may go out at once.
  bool is_direct() const { return unsent_.empty(); }

  // --- frames
  std::size_t at_hand() const {
    return unsent_.bytes() + (sending_ != nullptr ? sending_->bytes - sent_bytes_ : 0);
  }
  // Returns how many of them had waited.
  std::size_t take(std::size_t bytes, h2::FrameOutput& output);

  std::size_t waiting_bytes() const { return unsent_.bytes(); }
  std::size_t clear();

  // --- the end, behind all content
  bool ends() const { return ends_; }
  const http::HeaderMap* trailers() const { return trailers_; }
  bool is_end_framed() const { return end_framed_; }
  void set_end_framed() { end_framed_ = true; }
  bool is_writing() const { return sending_ != nullptr; }

 private:
  void take_direct(std::size_t bytes, h2::FrameOutput& output);

  net::BufferChain unsent_;
  const Content* sending_ = nullptr;  // of the write that is under way
  std::size_t sent_bytes_ = 0;        // of it
  const http::HeaderMap* trailers_ = nullptr;
  bool ends_ = false;
  bool end_framed_ = false;
};

}  // namespace apisix::proxy
