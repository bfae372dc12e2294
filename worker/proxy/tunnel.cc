#include "worker/proxy/tunnel.h"

#include <array>
#include <utility>

#include "worker/limits.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

Tunnel::Tunnel(Stream& stream, upstream::Connection& connection, plugin::Attempt& attempt,
               std::uint64_t silence_ms, net::BufferChain to_upstream)
    : stream_(stream),
      connection_(connection),
      attempt_(attempt),
      silence_ms_(silence_ms),
      to_upstream_(std::move(to_upstream)) {}

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
  connection_.timer().set_after_ms(silence_ms_);
}

// --- client to node

void Tunnel::on_client_bytes() {
  ClientExchange& client = stream_.exchange();
  const std::string_view bytes = client.tunnel_bytes();
  if (goodbye_sent_) return client.consume_tunnel_bytes(bytes.size());
  if (!to_upstream_.empty() || bytes.empty()) return;
  stream_.request().received.bytes += bytes.size();
  const iovec piece = net::piece(bytes);
  const net::IoResult result = connection_.write({&piece, 1});
  if (result.kind == net::IoResult::Kind::kError) return stream_.end_tunnel();
  if (frames_) frames_->to_upstream.feed(bytes);
  attempt_.bytes_sent += bytes.size();
  to_upstream_.append_rest({&piece, 1}, result.bytes);
  if (!to_upstream_.empty()) connection_.want_write(true);
  client.consume_tunnel_bytes(bytes.size());
  extend_deadline();
}

void Tunnel::on_upstream_writable() {
  std::array<iovec, 16> pieces;
  while (!to_upstream_.empty()) {
    const std::size_t count = to_upstream_.front(pieces);
    const net::IoResult result = connection_.write({pieces.data(), count});
    if (result.kind == net::IoResult::Kind::kError) return stream_.end_tunnel();
    if (!result.done()) return;
    to_upstream_.consume(result.bytes);
  }
  connection_.want_write(false);
  stream_.exchange().resume_request();
  if (stream_.state() == Stream::State::kTunnel) propagate_close();
}

void Tunnel::on_client_closed() {
  if (goodbye_sent_) return stream_.end_tunnel();
  client_half_closed_ = true;
  stream_.exchange().stop_reading();
  propagate_close();
}

// --- node to client

void Tunnel::on_upstream_bytes(std::string_view bytes) {
  if (goodbye_sent_) return;
  if (frames_) frames_->to_client.feed(bytes);
  stream_.request().response.body_bytes_sent += bytes.size();
  extend_deadline();
  if (!stream_.response().write_tunnel(bytes)) return;
  if (reading_paused_ || stream_.exchange().unsent_bytes() <= limits::kOutputPendingBytesMax) return;
  reading_paused_ = true;
  connection_.want_read(false);
}

void Tunnel::on_client_drained() {
  if (upstream_half_closed_) return propagate_close();
  if (!reading_paused_) return;
  reading_paused_ = false;
  connection_.want_read(true);
}

void Tunnel::on_upstream_closed() {
  upstream_half_closed_ = true;
  connection_.want_read(false);
  stream_.exchange().shutdown_write();
  propagate_close();
}

// --- the end

void Tunnel::shut_down() {
  if (goodbye_sent_) return;
  if (frames_ && frames_->to_upstream.is_between_frames() && !client_half_closed_) {
    send_behind(kGoingAwayToServer);
  }
  if (frames_ && frames_->to_client.is_between_frames() && !upstream_half_closed_) {
    if (!stream_.response().write_tunnel(kGoingAwayToClient)) return;
  }
  goodbye_sent_ = true;
  client_half_closed_ = true;
  stream_.exchange().consume_tunnel_bytes(stream_.exchange().tunnel_bytes().size());
  propagate_close();
  stream_.exchange().shutdown_write();
}

// Behind the buffer of the upstream. An error will be noticed by the next read.
void Tunnel::send_behind(std::string_view bytes) {
  const iovec piece = net::piece(bytes);
  const std::size_t sent = to_upstream_.empty() ? connection_.write({&piece, 1}).bytes : 0;
  to_upstream_.append_rest({&piece, 1}, sent);
  if (!to_upstream_.empty()) connection_.want_write(true);
}

// Passes the client's end on once its bytes are flushed, and ends the tunnel when both sides have ended.
void Tunnel::propagate_close() {
  const bool sent = to_upstream_.empty() && stream_.exchange().tunnel_bytes().empty();
  if (client_half_closed_ && sent && !upstream_shut_down_) {
    upstream_shut_down_ = true;
    connection_.shutdown_write();
  }
  if (goodbye_sent_) return;  // ends when the client has read its goodbye, or with the worker
  if (upstream_shut_down_ && upstream_half_closed_ && stream_.exchange().unsent_bytes() == 0)
    stream_.end_tunnel();
}

}  // namespace apisix::proxy
