// A response body whose filters have more to do than one turn of the loop allows. Reading from the upstream
// stops meanwhile; a full output buffer of the client stops the filters.
#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

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
  slices_->waits_for_client = stream_.exchange().unsent_bytes() > limits::kOutputPendingBytesMax;
  if (slices_->waits_for_client) return;
  services_.loop.deferred().push(
      slices_->work, [](void* self) { static_cast<Forward*>(self)->filter_slice(); }, this);
}

void Forward::filter_slice() {
  Sent sent = Sent::kMore;
  if (stream_.response().is_filter_unfinished()) {
    sent = send_filtered({}, false, true);
  } else {
    const std::string content = std::move(slices_->content);
    slices_->content.clear();
    sent = send_filtered(content, slices_->last, true);
    if (sent == Sent::kMore) slices_->last = false;
  }
  if (sent == Sent::kLast) return stream_.on_response_complete();
  if (sent == Sent::kEnded) return;
  if (stream_.response().is_filter_unfinished() || !slices_->content.empty() || slices_->last)
    return go_on_filtering();
  if (connection_ == nullptr) return;
  slices_.reset();
  reading_paused_ = stream_.exchange().unsent_bytes() > limits::kOutputPendingBytesMax;
  connection_->want_read(!reading_paused_);
  arm_timer();
}

}  // namespace apisix::proxy
