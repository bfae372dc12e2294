// Tunnel: bytes both ways behind an upgrade (RFC 9110 7.8: WebSocket and others), and each side's end passed
// on. At a shutdown of the worker both sides of a WebSocket get a close frame and an end; what they still
// send is dropped.
//
//   both open --client ends--> client closed --node ends--> ended
//       |`-----node ends-----> node closed --client ends and took everything--> ended
//       `--shut_down()--> goodbye sent --client reads it, or the worker stops--> ended
//
// Made by Forward when the node has sent 101, and kept until the Stream is deleted.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "shared/net/buffer_chain.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/websocket_frames.h"
#include "worker/upstream/connection.h"

namespace apisix::proxy {

class Stream;

class Tunnel {
 public:
  // `connection`: leased for as long as the tunnel is open. `silence_ms`: it ends when the node neither sends
  // nor takes anything for so long.
  // `to_upstream`: what the node has not taken yet.
  Tunnel(Stream& stream, upstream::Connection& connection, plugin::Attempt& attempt, std::uint64_t silence_ms,
         net::BufferChain to_upstream);
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // Sends the response's head, which says 101, and `bytes` of the node behind it.
  void start(bool is_websocket, std::string_view bytes);

  // --- inputs
  void on_client_bytes();
  void on_client_closed();
  void on_client_drained();
  void on_upstream_bytes(std::string_view bytes);
  void on_upstream_writable();
  void on_upstream_closed();
  void shut_down();

 private:
  // Of a WebSocket.
  struct Frames {
    FrameTracker to_client;
    FrameTracker to_upstream;
  };

  void send_behind(std::string_view bytes);
  void propagate_close();
  void extend_deadline();

  Stream& stream_;
  upstream::Connection& connection_;
  plugin::Attempt& attempt_;
  const std::uint64_t silence_ms_;
  net::BufferChain to_upstream_;  // the buffer of short writes
  std::unique_ptr<Frames> frames_;
  bool reading_paused_ = false;  // of the node: the client is slow
  bool client_half_closed_ = false;
  bool upstream_half_closed_ = false;
  bool upstream_shut_down_ = false;  // it was told that the client half-closed
  bool goodbye_sent_ = false;        // both got a close
};

}  // namespace apisix::proxy
