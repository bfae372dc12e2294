// Connection: one TCP, TLS or unix connection of Lua's (a cosocket), awaited by coroutines: one may read
// while another one writes. Owned by the Lua socket or, between two uses, by the pool.
//
//   made -> connect() -> open -> [handshake()] -> read()/write() ... -> close()
//
// Every wait has a deadline of its own. Destroying a Task that waits leaves the connection usable by nothing
// but close().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/async/signal.h"
#include "shared/async/task.h"
#include "shared/base/ip.h"
#include "shared/base/result.h"
#include "shared/event/io_watch.h"
#include "shared/net/tls_client.h"
#include "shared/net/transport.h"

namespace apisix::lua {

class Connection {
 public:
  // What is read ahead of what Lua asked for.
  static constexpr std::size_t kReadBytes = 64 * 1024;

  explicit Connection(event::Loop& loop);
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Errors are OpenResty's texts: "connection refused", "timeout".
  async::Task<std::string> connect(const base::IpAddress& ip, std::uint16_t port, std::uint64_t timeout_ms);
  async::Task<std::string> connect_unix(const std::string& path, std::uint64_t timeout_ms);
  async::Task<std::string> handshake(const net::TlsClientContext& context,
                                     const net::TlsClientContext::Start& start, std::uint64_t timeout_ms);
  // Reads once, behind what is buffered: "" (something came), "closed", "timeout" or an error's text.
  async::Task<std::string> fill(std::uint64_t timeout_ms);
  // All of it. `data` lives until then.
  async::Task<std::string> write(std::string_view data, std::uint64_t timeout_ms);

  // What was read and not taken.
  std::string_view buffered() const { return std::string_view(in_).substr(taken_); }
  void take(std::size_t bytes);

  bool is_open() const { return transport_.is_open(); }
  bool is_tls() const { return !transport_.is_plain(); }
  int fd() const { return transport_.fd(); }
  void close();
  void shutdown_write() { transport_.shutdown_write(); }
  // While it is idle: the peer's end, or bytes that nothing asked for, make it useless.
  void watch_idle(void (*on_useless)(void* context), void* context);
  void end_idle();

  // How often it came out of a pool.
  std::uint32_t reused = 0;
  bool is_reading = false;
  bool is_writing = false;

 private:
  async::Task<std::string> finish_connect(base::Result<net::Socket> socket, std::uint64_t timeout_ms);
  void on_event(bool readable, bool writable);

  event::Loop& loop_;
  net::Transport transport_;
  event::IoWatch watch_;
  async::Signal readable_;
  async::Signal writable_;
  std::string in_;
  std::size_t taken_ = 0;
  void (*on_useless_)(void* context) = nullptr;
  void* idle_context_ = nullptr;
};

}  // namespace apisix::lua
