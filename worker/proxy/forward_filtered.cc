// A response body on its way through the body filters of plugins: decoded, filtered piece by piece, framed
// again. Memory stays flat: a piece is sent, or kept by the client's output under backpressure, before the
// next is read.
#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

// `pieces` may hold the head already: it goes out in the first write.
void Forward::pump_filtered(std::string_view bytes, Pieces& pieces) {
  for (;;) {
    Pieces content;
    const BodyPump::Step step = response_body_.take(bytes, content);
    bytes.remove_prefix(step.consumed);
    attempt_->body_bytes_received += step.body_bytes;
    if (step.result == BodyPump::Result::kBad) return fail_response("malformed chunked body");
    const bool done = step.result == BodyPump::Result::kDone;
    if (done) finish_exchange(!bytes.empty());
    const auto parts = content.span();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string_view part(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
      if (!send_filtered(part, done && i + 1 == parts.size(), pieces)) return;
    }
    if (done && parts.empty() && !send_filtered({}, true, pieces)) return;
    if (done) return stream_.on_response_complete();
    if (bytes.empty() || step.consumed == 0) break;
  }
  if (!stream_.write(pieces)) return;  // a head whose body has not come yet
  pause_if_client_is_slow();
  arm_timer();
}

// False: the client is gone.
bool Forward::send_filtered(std::string_view content, bool last, Pieces& pieces) {
  const std::string_view out = stream_.filter_response_body(content, last);
  const bool chunked = filtered_framing_ == http::Framing::kChunked;
  if (!out.empty() && chunked) {
    const std::size_t line = pieces.reserve_chunk_line();
    pieces.add(out);
    pieces.set_chunk_line(line, out.size());
    pieces.add(http::kChunkEnd);
  } else {
    pieces.add(out);
  }
  if (last && chunked) pieces.add(http::kLastChunk);
  stream_.request().response.body_bytes_sent += out.size();
  const bool sent = stream_.write(pieces);
  pieces = Pieces();
  return sent;
}

}  // namespace apisix::proxy
