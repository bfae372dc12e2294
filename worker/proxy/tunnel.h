// Tunnel: bytes both ways behind an upgrade (RFC 9110 7.8: WebSocket and others), and each side's end passed
// on. At a shutdown of the worker both sides of a WebSocket get a close frame and an end, each behind the
// frame that is on its way to it; what else they send is dropped.
//
//   both open --client ends--> client closed --node ends--> ended
//       |`-----node ends-----> node closed --client ends and took everything--> ended
//       `--shut_down()--> leaving: each direction goes on to the end of its frame --both closed--> goodbye
//       sent
//                            `-----the worker stops----> ended <--client reads it, or the worker stops--'
//
// Made by Forward when the node has sent 101, and kept until the Stream is deleted.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "shared/event/timer_wheel.h"
#include "worker/config/compiled.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/websocket_frames.h"
#include "worker/upstream/exchange.h"

namespace apisix::proxy {

class Stream;

class Tunnel {
 public:
  // `deadline`: its owner ends the tunnel then. As in nginx that is when neither side has sent anything for
  // the upstream's read timeout, or the node has not taken what waits for it for its send timeout.
  Tunnel(Stream& stream, upstream::Exchange& exchange, plugin::Attempt& attempt, event::Timer& deadline,
         const config::Timeouts& timeouts);
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
  // --- while leaving
  void close_to_upstream();
  void close_to_client();

  Stream& stream_;
  upstream::Exchange& exchange_;
  plugin::Attempt& attempt_;
  event::Timer& deadline_;
  const config::Timeouts timeouts_;
  std::unique_ptr<Frames> frames_;
  bool reading_paused_ = false;  // of the node: the client is slow
  bool client_half_closed_ = false;
  bool upstream_half_closed_ = false;
  bool upstream_shut_down_ = false;  // it was told that the client half-closed
  bool is_leaving_ = false;          // the worker is: nothing but the rest of frames is passed on
  bool closed_to_upstream_ = false;  // it got its close, or can get none
  bool closed_to_client_ = false;
};

}  // namespace apisix::proxy
