// An upgraded exchange (WebSocket): bytes both ways, and each side's end passed on. No byte passes before the
// upstream's 101. When the worker shuts down, both sides get a close frame and an end; what they still send
// is dropped.
#include "shared/base/text.h"
#include "worker/proxy/client_head.h"
#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"
#include "worker/proxy/websocket_frames.h"

namespace apisix::proxy {

void Forward::begin_upgrade(http::ResponseHead& head, std::string_view bytes) {
  if (!head.upgrade || !stream_.request().head->upgrade || !route_->enable_websocket) {
    return on_attempt_failed(Failure::kBadResponse);
  }
  set_state(State::kTunnel);
  note_header_received(head);
  take_upstream_headers(stream_.request(), head);
  stream_.filter_response_head();
  stream_.request().set_response_status(101);  // no plugin makes something else of an upgrade
  if (base::equals_ignore_case(head.headers.value(http::KnownHeader::kUpgrade), "websocket")) {
    frames_ = std::make_unique<Frames>();
    frames_->to_client.feed(bytes);
  }
  connection_->timer().set_after_ms(timeouts_.read_ms);
  if (stream_.start_tunnel(bytes)) stream_.exchange().resume_request();
}

void Forward::pump_tunnel_to_client(std::string_view bytes) {
  if (goodbye_sent_) return;
  if (frames_) frames_->to_client.feed(bytes);
  stream_.request().response.body_bytes_sent += bytes.size();
  connection_->timer().set_after_ms(timeouts_.read_ms);
  if (stream_.write_tunnel(bytes)) pause_if_client_is_slow();
}

void Forward::pump_tunnel_to_upstream() {
  ClientExchange& client = stream_.exchange();
  const std::string_view bytes = client.tunnel_bytes();
  if (goodbye_sent_) return client.consume_tunnel_bytes(bytes.size());
  if (connection_ == nullptr || !to_upstream_.empty() || bytes.empty()) return;
  stream_.request().request_bytes += bytes.size();
  const iovec piece = net::piece(bytes);
  const net::IoResult result = connection_->write({&piece, 1});
  if (result.kind == net::IoResult::Kind::kError) return stream_.end_tunnel();
  if (frames_) frames_->to_upstream.feed(bytes);
  attempt_->bytes_sent += bytes.size();
  to_upstream_.append_rest({&piece, 1}, result.bytes);
  if (!to_upstream_.empty()) connection_->want_write(true);
  client.consume_tunnel_bytes(bytes.size());
  connection_->timer().set_after_ms(timeouts_.read_ms);
}

void Forward::shut_down_tunnel() {
  if (goodbye_sent_) return;
  if (connection_ == nullptr) return stream_.end_tunnel();
  if (frames_ && frames_->to_upstream.is_between_frames() && !client_half_closed_) {
    send_behind(kGoingAwayToServer);
  }
  if (frames_ && frames_->to_client.is_between_frames() && !upstream_half_closed_) {
    if (!stream_.write_tunnel(kGoingAwayToClient)) return;
  }
  goodbye_sent_ = true;
  client_half_closed_ = true;
  stream_.exchange().consume_tunnel_bytes(stream_.exchange().tunnel_bytes().size());
  propagate_close();
  stream_.exchange().shutdown_write();
}

// Behind the buffer of the upstream. An error will be noticed by the next read.
void Forward::send_behind(std::string_view bytes) {
  Pieces pieces;
  pieces.add(bytes);
  const std::size_t sent = to_upstream_.empty() ? connection_->write(pieces.span()).bytes : 0;
  to_upstream_.append_rest(pieces.span(), sent);
  if (!to_upstream_.empty()) connection_->want_write(true);
}

void Forward::on_tunnel_client_closed() {
  if (goodbye_sent_) return stream_.end_tunnel();
  client_half_closed_ = true;
  stream_.exchange().stop_reading();
  propagate_close();
}

void Forward::on_tunnel_upstream_closed() {
  upstream_half_closed_ = true;
  connection_->want_read(false);
  stream_.exchange().shutdown_write();
  propagate_close();
}

// Passes the client's end on once its bytes are flushed, and ends the tunnel when both sides have ended.
void Forward::propagate_close() {
  const bool sent = to_upstream_.empty() && stream_.exchange().tunnel_bytes().empty();
  if (client_half_closed_ && sent && !upstream_shut_down_) {
    upstream_shut_down_ = true;
    connection_->shutdown_write();
  }
  if (goodbye_sent_) return;  // ends when the client has read its goodbye, or with the worker
  if (upstream_shut_down_ && upstream_half_closed_ && stream_.exchange().unsent_bytes() == 0)
    stream_.end_tunnel();
}

}  // namespace apisix::proxy
