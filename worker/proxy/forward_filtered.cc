// A response body on its way through the body filters of plugins: decoded, filtered piece by piece, framed
// again. Memory stays flat: a piece is flushed, or stays in the client's output buffer under backpressure,
// before the next is read. The head goes out in the first write. forward_slices.cc: filters that need more
// than one turn.
#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

void Forward::pump_filtered(std::string_view bytes) {
  // A read that did not fill the scratch emptied the socket: nothing more is at hand.
  const bool emptied = bytes.size() < limits::kScratchBytes;
  for (;;) {
    Pieces content;
    const H1BodyDecoder::Step step = response_body_.take(bytes, content);
    bytes.remove_prefix(step.consumed);
    attempt_->body_bytes_received += step.bytes;
    if (step.result == H1BodyDecoder::Result::kBad) return fail_response("malformed chunked body");
    const bool done = step.result == H1BodyDecoder::Result::kDone;
    if (done) finish_exchange(!bytes.empty());
    const bool stops = done || bytes.empty() || step.consumed == 0;
    const auto parts = content.span();
    bool told_last = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string_view part(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
      if (stream_.response().is_filter_unfinished()) {
        keep_for_filter(part);
        continue;
      }
      const bool final_part = stops && i + 1 == parts.size();
      told_last = done && final_part;
      const Sent sent = send_filtered(part, told_last, emptied && final_part);
      if (sent == Sent::kLast) return stream_.on_response_complete();
      if (sent == Sent::kEnded) return;
    }
    if (stops && stream_.response().is_filter_unfinished()) {
      keep_for_filter({});
      slices_->last = done && !told_last;
      return go_on_filtering();
    }
    if (done) {  // without content behind it
      return end_filtered();
    }
    if (stops) break;
  }
  // A head whose body has not come yet.
  if (head_waits_ && !stream_.request().response.body_is_held && !send_content({})) return;
  pause_if_client_is_slow();
  arm_timer();
}

// Nothing follows what the filters got.
void Forward::end_filtered() {
  const Sent sent = send_filtered({}, true, true);
  if (sent == Sent::kLast) return stream_.on_response_complete();
  if (sent == Sent::kEnded) return;
  keep_for_filter({});
  go_on_filtering();
}

// kLast: the response is whole, by the upstream's end or because a plugin wants no more. kEnded: the client
// is gone, or sees that its response is broken.
Forward::Sent Forward::send_filtered(std::string_view content, bool last, bool flush) {
  const ResponseWriter::Filtered out = stream_.response().filter_body(content, last, flush);
  if (out.broken) {
    fail_response("a plugin gave up");
    return Sent::kEnded;
  }
  if (out.last && !last) release(Release::kClose);  // what the node still sends has no reader
  stream_.request().response.body_bytes_sent += out.bytes.size();
  const bool is_empty = out.bytes.empty() && !out.last;
  if (is_empty && (!head_waits_ || stream_.request().response.body_is_held)) return Sent::kMore;
  const iovec piece = net::piece(out.bytes);
  if (!send_content(
          {.pieces = {&piece, out.bytes.empty() ? 0U : 1U}, .bytes = out.bytes.size(), .end = out.last})) {
    return Sent::kEnded;
  }
  return out.last ? Sent::kLast : Sent::kMore;
}

}  // namespace apisix::proxy
