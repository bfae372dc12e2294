// A response body on its way through the body filters of plugins, piece by piece. Memory stays flat: a piece
// is flushed, or stays in the client's output buffer under backpressure, before the next is read. The head
// goes out in the first write. forward_slices.cc: filters that need more than one turn.
#include <utility>

#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

void Forward::filter_content(const Content& content, bool more_at_hand) {
  if (content.end) stream_.response().take_trailers(content.trailers);
  bool told_last = false;
  for (std::size_t i = 0; i < content.pieces.size(); ++i) {
    const iovec& piece = content.pieces[i];
    const std::string_view part(static_cast<const char*>(piece.iov_base), piece.iov_len);
    if (slices_ != nullptr || stream_.response().is_filter_unfinished()) {
      keep_for_filter(part);
      continue;
    }
    const bool final_part = i + 1 == content.pieces.size();
    told_last = content.end && final_part;
    const Sent sent = send_filtered(part, told_last, final_part && !more_at_hand);
    if (sent == Sent::kLast) return stream_.on_response_complete();
    if (sent == Sent::kEnded) return;
  }
  if (slices_ != nullptr || stream_.response().is_filter_unfinished()) {
    keep_for_filter({});
    slices_->last |= content.end && !told_last;
    return go_on_filtering();
  }
  if (content.end) return end_filtered();  // without content behind it
  // What came before was not flushed, as more was at hand, and that is no content.
  if (content.pieces.empty() && !more_at_hand && !head_waits_) {
    const Sent sent = send_filtered({}, false, true);
    if (sent == Sent::kLast) return stream_.on_response_complete();
    if (sent == Sent::kEnded) return;
    if (stream_.response().is_filter_unfinished()) {
      keep_for_filter({});
      return go_on_filtering();
    }
  }
  // A head whose body has not come yet.
  const plugin::ResponseState& response = stream_.request().response;
  const bool waits_for_body = response.body_is_held || response.body_may_change;
  if (head_waits_ && !waits_for_body && !send_content({})) return;
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
  plugin::ResponseState& response = stream_.request().response;
  const bool is_undecided = std::exchange(response.body_may_change, false) && head_waits_;
  response.body_changes |= is_undecided;
  const ResponseWriter::Filtered out = stream_.response().filter_body(content, last, flush);
  if (is_undecided) {
    const bool is_same =
        out.bytes.data() == content.data() && out.bytes.size() == content.size() && out.last == last;
    response.body_changes = !is_same;
    if (!is_same) response_length_ = out.last ? BodyLength{true, out.bytes.size()} : BodyLength{};
  }
  if (out.broken) {
    fail_response("a plugin gave up");
    return Sent::kEnded;
  }
  if (out.last && !last) {  // what the node still sends has no reader
    exchange_->abort(/*reset=*/false);
    finish_attempt();
  }
  response.body_bytes_sent += out.bytes.size();
  const bool is_empty = out.bytes.empty() && !out.last;
  if (is_empty && (!head_waits_ || response.body_is_held)) return Sent::kMore;
  const iovec piece = net::piece(out.bytes);
  if (!send_content(
          {.pieces = {&piece, out.bytes.empty() ? 0U : 1U}, .bytes = out.bytes.size(), .end = out.last})) {
    return Sent::kEnded;
  }
  return out.last ? Sent::kLast : Sent::kMore;
}

}  // namespace apisix::proxy
