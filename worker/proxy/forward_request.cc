// A request body on its way through the filters of plugins, piece by piece: what they made of it is sent, and
// kept for another attempt. One with much to do works in slices, one in a turn of the loop.
#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

void Forward::begin_filtering() {
  if (stream_.request().head->framing == http::Framing::kNone) return;
  if (!stream_.chains().filters_request_body()) return;  // by their _meta.filter
  stream_.content().remove_digests();
  request_filter_ = std::make_unique<RequestFilter>(services_.bodies, stream_.exchange(), stream_.content(),
                                                    stream_.chains());
}

// How long it gets is known when all of it is there; trailers need chunks (RFC 9112 7.1.2).
void Forward::frame_filtered(http::RequestWrite& head, const Content& first) {
  const bool is_all = first.end && first.trailers == nullptr;
  head.framing = is_all ? http::Framing::kLength : http::Framing::kChunked;
  head.content_length = first.bytes;
}

// What counts against the limit is what the client sends. False: the request was refused.
bool Forward::read_filtered(Content& content) {
  const RequestFilter::Read read = request_filter_->read(content);
  if (read.is_failed) {
    abort();
    stream_.refuse(400, read.what);
    return false;
  }
  if (read.received > 0 && !stream_.count_body_bytes(read.received)) return false;
  replay_.remember(content, stream_.arena());
  if (request_filter_->has_work()) {
    services_.loop.deferred().push(
        request_filter_->turn(), [](void* self) { static_cast<Forward*>(self)->go_on_with_request(); }, this);
  }
  return true;
}

bool Forward::pump_filtered() {
  while (!is_request_taken() && exchange_->unsent_bytes() == 0 && !request_filter_->turn().is_queued()) {
    Content content;
    if (!read_filtered(content)) return false;
    if (content.bytes == 0 && !content.end) break;  // nothing is at hand, or kept by a filter
    if (!send_body(content)) return false;
  }
  return true;
}

void Forward::go_on_with_request() {
  on_request_content();
  if (stream_.state() != Stream::State::kDone) stream_.exchange().resume_request();
}

}  // namespace apisix::proxy
