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

#include "shared/event/timer_wheel.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/websocket_frames.h"
#include "worker/upstream/exchange.h"

namespace apisix::proxy {

class Stream;

class Tunnel {
 public:
  // `deadline`: its owner ends the tunnel then, when the node has neither sent nor taken anything for
  // `silence_ms`.
  Tunnel(Stream& stream, upstream::Exchange& exchange, plugin::Attempt& attempt, event::Timer& deadline,
         std::uint64_t silence_ms);
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

  void propagate_close();
  void extend_deadline();

  Stream& stream_;
  upstream::Exchange& exchange_;
  plugin::Attempt& attempt_;
  event::Timer& deadline_;
  const std::uint64_t silence_ms_;
  std::unique_ptr<Frames> frames_;
  bool reading_paused_ = false;  // of the node: the client is slow
  bool client_half_closed_ = false;
  bool upstream_half_closed_ = false;
  bool upstream_shut_down_ = false;  // it was told that the client half-closed
  bool goodbye_sent_ = false;        // both got a close
};

}  // namespace apisix::proxy
