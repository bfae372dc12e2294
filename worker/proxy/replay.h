// Replay: the content of a request's body that nodes got so far, for another attempt. Content without
// framing; whether the body has ended says the client's exchange. Lies in the request's arena.
#pragma once

#include <string_view>

#include "shared/base/arena_text.h"
#include "shared/http/pieces.h"
#include "worker/limits.h"

namespace apisix::proxy {

class Replay {
 public:
  // Once it is longer than the limit, the request is not repeated.
  void remember(const http::Content& content, base::Arena& arena) {
    if (!is_possible_ || content.bytes == 0) return;
    if (content_.size() + content.bytes > limits::kReplayBytesMax) {
      is_possible_ = false;
      content_.clear();
      return;
    }
    append(content, arena);
  }
  // No node got a byte: `content` is all that was taken from the client, and is at hand however long it is.
  void restart_with(const http::Content& content, base::Arena& arena) {
    is_possible_ = true;
    content_.clear();
    append(content, arena);
  }

  bool is_possible() const { return is_possible_; }
  bool empty() const { return content_.empty(); }
  std::string_view view() const { return content_.view(); }

 private:
  void append(const http::Content& content, base::Arena& arena) {
    for (const iovec& piece : content.pieces)
      content_.append(arena, {static_cast<const char*>(piece.iov_base), piece.iov_len});
  }

  base::ArenaText content_;
  bool is_possible_ = true;
};

}  // namespace apisix::proxy
