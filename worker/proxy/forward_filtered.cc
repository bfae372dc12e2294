// A response body on its way through the body filters of plugins: decoded, filtered piece by piece, framed
// again. Memory stays flat: a piece is sent, or kept by the client's output under backpressure, before the
// next is read. The head goes out in the first write. forward_slices.cc: filters that need more than one
// turn.
#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

void Forward::pump_filtered(std::string_view bytes, Pieces& pieces) {
  // A read that did not fill the scratch emptied the socket: nothing more is at hand.
  const bool emptied = bytes.size() < limits::kScratchBytes;
  for (;;) {
    Pieces content;
    const BodyPump::Step step = response_body_.take(bytes, content);
    bytes.remove_prefix(step.consumed);
    attempt_->body_bytes_received += step.body_bytes;
    if (step.result == BodyPump::Result::kBad) return fail_response("malformed chunked body");
    const bool done = step.result == BodyPump::Result::kDone;
    if (done) finish_exchange(!bytes.empty());
    const bool stops = done || bytes.empty() || step.consumed == 0;
    const auto parts = content.span();
    bool told_last = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string_view part(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
      if (stream_.is_filter_unfinished()) {
        keep_for_filter(part);
        continue;
      }
      const bool final_part = stops && i + 1 == parts.size();
      told_last = done && final_part;
      const Sent sent = send_filtered(part, told_last, emptied && final_part, pieces);
      if (sent == Sent::kLast) return stream_.on_response_complete();
      if (sent == Sent::kEnded) return;
    }
    if (stops && stream_.is_filter_unfinished()) {
      keep_for_filter({});
      slices_->last = done && !told_last;
      return go_on_filtering();
    }
    if (done) {  // without content behind it
      return end_filtered(pieces);
    }
    if (stops) break;
  }
  if (head_waits_ && !stream_.request().response.body_is_held) pieces.add(filtered_head());
  if (!stream_.write(pieces)) return;  // a head whose body has not come yet
  pause_if_client_is_slow();
  arm_timer();
}

// Nothing follows what the filters got.
void Forward::end_filtered(Pieces& pieces) {
  const Sent sent = send_filtered({}, true, true, pieces);
  if (sent == Sent::kLast) return stream_.on_response_complete();
  if (sent == Sent::kEnded) return;
  keep_for_filter({});
  go_on_filtering();
}

// kLast: the answer is whole, by the upstream's end or because a plugin wants no more. kEnded: the client is
// gone, or hears that its answer is broken.
Forward::Sent Forward::send_filtered(std::string_view content, bool last, bool flush, Pieces& pieces) {
  const Stream::Filtered out = stream_.filter_response_body(content, last, flush);
  if (out.broken) {
    fail_response("a plugin gave up");
    return Sent::kEnded;
  }
  if (head_waits_ && (!out.bytes.empty() || out.last || !stream_.request().response.body_is_held)) {
    pieces.add(filtered_head());
  }
  const bool chunked = filtered_framing_ == http::Framing::kChunked;
  if (!out.bytes.empty() && chunked) {
    const std::size_t line = pieces.reserve_chunk_line();
    pieces.add(out.bytes);
    pieces.set_chunk_line(line, out.bytes.size());
    pieces.add(http::kChunkEnd);
  } else {
    pieces.add(out.bytes);
  }
  if (out.last && chunked) pieces.add(http::kLastChunk);
  if (out.last && !last) release(Parting::kClose);  // what the node still sends is nobody's
  stream_.request().response.body_bytes_sent += out.bytes.size();
  const bool sent = stream_.write(pieces);
  pieces = Pieces();
  if (!sent) return Sent::kEnded;
  return out.last ? Sent::kLast : Sent::kMore;
}

}  // namespace apisix::proxy
