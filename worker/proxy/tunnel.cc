#include "worker/proxy/tunnel.h"

#include <algorithm>

#include "worker/limits.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

Tunnel::Tunnel(Stream& stream, upstream::Exchange& exchange, plugin::Attempt& attempt, event::Timer& deadline,
               const config::Timeouts& timeouts)
    : stream_(stream), exchange_(exchange), attempt_(attempt), deadline_(deadline), timeouts_(timeouts) {}

void Tunnel::start(bool is_websocket, std::string_view bytes) {
  if (is_websocket) {
    frames_ = std::make_unique<Frames>();
    frames_->to_client.feed(bytes);
  }
  extend_deadline();
  stream_.set_state(Stream::State::kTunnel);
  if (stream_.response().start_tunnel(bytes)) stream_.exchange().resume_request();
}

void Tunnel::extend_deadline() {
  const bool waits_for_node = exchange_.unsent_bytes() > 0;
  deadline_.set_after_ms(waits_for_node ? std::min(timeouts_.read_ms, timeouts_.send_ms) : timeouts_.read_ms);
}

// --- client to node

void Tunnel::on_client_bytes() {
  ClientExchange& client = stream_.exchange();
  const std::string_view bytes = client.tunnel_bytes();
  if (closed_to_upstream_) return client.consume_tunnel_bytes(bytes.size());
  if (exchange_.unsent_bytes() > 0 || bytes.empty()) return;
  std::string_view passed = bytes;
  if (is_leaving_) {
    passed = bytes.substr(0, frames_->to_upstream.feed_rest_of_frame(bytes));
  } else if (frames_) {
    frames_->to_upstream.feed(bytes);
  }
  stream_.request().received.bytes += passed.size();
  if (!exchange_.write_tunnel(passed)) return stream_.end_tunnel();
  attempt_.bytes_sent = exchange_.bytes_sent();
  client.consume_tunnel_bytes(bytes.size());
  extend_deadline();
  if (is_leaving_) close_to_upstream();
}

void Tunnel::on_upstream_writable() {
  extend_deadline();
  if (exchange_.unsent_bytes() > 0) return;
  stream_.exchange().resume_request();
  if (stream_.state() == Stream::State::kTunnel) propagate_close();
}

void Tunnel::on_client_closed() {
  if (is_leaving_) return stream_.end_tunnel();
  client_half_closed_ = true;
  stream_.exchange().stop_reading();
  propagate_close();
}

// --- node to client

void Tunnel::on_upstream_bytes(std::string_view bytes) {
  if (closed_to_client_) return;
  if (is_leaving_) {
    bytes = bytes.substr(0, frames_->to_client.feed_rest_of_frame(bytes));
  } else if (frames_) {
    frames_->to_client.feed(bytes);
  }
  stream_.request().response.body_bytes_sent += bytes.size();
  extend_deadline();
  if (!stream_.response().write_tunnel(bytes)) return;
  if (is_leaving_) close_to_client();
  if (closed_to_client_ || reading_paused_) return;
  if (stream_.exchange().unsent_bytes() <= limits::kOutputPendingBytesMax) return;
  reading_paused_ = true;
  exchange_.pause_response();
}

void Tunnel::on_client_drained() {
  if (upstream_half_closed_) return propagate_close();
  if (!reading_paused_) return;
  reading_paused_ = false;
  exchange_.resume_response();
}

void Tunnel::on_upstream_closed() {
  upstream_half_closed_ = true;
  if (is_leaving_) return close_to_client();
  stream_.exchange().shutdown_write();
  propagate_close();
}

// --- the end

void Tunnel::shut_down() {
  if (is_leaving_) return;
  is_leaving_ = true;
  close_to_upstream();
  close_to_client();
}

// Where a frame has begun, behind it: the worker has a moment left, and most frames are short.
void Tunnel::close_to_upstream() {
  if (closed_to_upstream_) return;
  if (frames_ && !client_half_closed_) {
    if (!frames_->to_upstream.is_between_frames()) return;
    // An error will be noticed by the next read.
    if (!frames_->to_upstream.is_closed()) exchange_.write_tunnel(kGoingAwayToServer);
  }
  closed_to_upstream_ = true;
  client_half_closed_ = true;
  stream_.exchange().consume_tunnel_bytes(stream_.exchange().tunnel_bytes().size());
  propagate_close();
}

void Tunnel::close_to_client() {
  if (closed_to_client_) return;
  if (frames_ && !upstream_half_closed_) {
    if (!frames_->to_client.is_between_frames()) return;
    if (!frames_->to_client.is_closed() && !stream_.response().write_tunnel(kGoingAwayToClient)) return;
  }
  closed_to_client_ = true;
  stream_.exchange().shutdown_write();
}

// Passes the client's end on once its bytes are flushed, and ends the tunnel when both sides have ended.
void Tunnel::propagate_close() {
  const bool sent = exchange_.unsent_bytes() == 0 && stream_.exchange().tunnel_bytes().empty();
  if (client_half_closed_ && sent && !upstream_shut_down_) {
    upstream_shut_down_ = true;
    exchange_.shutdown_write();
  }
  if (is_leaving_) return;  // ends when the client has read its goodbye, or with the worker
  const bool is_flushed = exchange_.unsent_bytes() == 0 && stream_.exchange().unsent_bytes() == 0;
  if (upstream_shut_down_ && upstream_half_closed_ && is_flushed) stream_.end_tunnel();
}

}  // namespace apisix::proxy
