// A response body whose filters have more to do than one turn of the loop allows. Reading from the upstream
// stops meanwhile; a client that does not take what comes out stops the filters.
#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

// The head of an answer that is filtered, made when its first bytes leave.
std::string_view Forward::filtered_head() {
  head_waits_ = false;
  const plugin::ResponseState& response = stream_.request().response;
  const http::ResponseHead& head = *response.upstream_head;
  const bool empty = filtered_framing_ == http::Framing::kLength && head.framing == http::Framing::kNone;
  const std::string_view text = stream_.make_response_head(filtered_framing_, empty ? 0 : head.content_length,
                                                           head.has_content_length && !response.body_changes,
                                                           http::ConnectionOption::kNone);
  const bool old_client = stream_.request().head->protocol == http::Protocol::k10;
  if (filtered_framing_ == http::Framing::kChunked && old_client)
    filtered_framing_ = http::Framing::kUntilClose;
  return text;
}

void Forward::keep_for_filter(std::string_view content) {
  if (slices_ == nullptr) slices_ = std::make_unique<Slices>();
  slices_->content.append(content);  // of one read: a scratch at most
}

void Forward::go_on_filtering() {
  if (connection_ != nullptr && !reading_paused_) {
    reading_paused_ = true;
    connection_->want_read(false);
  }
  arm_timer();
  slices_->waits_for_client = stream_.client().output_pending() > limits::kOutputPendingBytesMax;
  if (slices_->waits_for_client) return;
  services_.loop.deferred().push(
      slices_->work, [](void* self) { static_cast<Forward*>(self)->filter_slice(); }, this);
}

void Forward::filter_slice() {
  Pieces pieces;
  Sent sent = Sent::kMore;
  if (stream_.is_filter_unfinished()) {
    sent = send_filtered({}, false, true, pieces);
  } else {
    const std::string content = std::move(slices_->content);
    slices_->content.clear();
    sent = send_filtered(content, slices_->last, true, pieces);
    if (sent == Sent::kMore) slices_->last = false;
  }
  if (sent == Sent::kLast) return stream_.on_response_complete();
  if (sent == Sent::kEnded) return;
  if (stream_.is_filter_unfinished() || !slices_->content.empty() || slices_->last) return go_on_filtering();
  if (connection_ == nullptr) return;
  slices_.reset();
  reading_paused_ = stream_.client().output_pending() > limits::kOutputPendingBytesMax;
  connection_->want_read(!reading_paused_);
  arm_timer();
}

}  // namespace apisix::proxy
