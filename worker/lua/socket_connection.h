// SocketConnection: the descriptor below a cosocket, and what was received on it. A cosocket has it while it
// is connected; then a SocketPool may have it, where it is idle until the next connect() takes it.
//
//   made (connecting) -> used by one cosocket <-> idle in its pool -> closed
//
// At most one coroutine reads and one writes; each waits for its own signal.
#pragma once

#include <cstdint>
#include <list>

#include "shared/async/signal.h"
#include "shared/base/counted.h"
#include "shared/event/io_watch.h"
#include "shared/net/tls_client.h"
#include "shared/net/transport.h"
#include "worker/lua/receive_buffer.h"

namespace apisix::lua {

class SocketPool;

// A session of TLS that Lua may hold for a later handshake.
struct KeptSession : base::Counted<KeptSession> {
  KeptSession() = default;
  KeptSession& operator=(const KeptSession&) = delete;
  net::TlsResumption resumption;
};

class SocketConnection : public base::Counted<SocketConnection> {
 public:
  using Place = std::list<base::Ref<SocketConnection>>::iterator;

  SocketConnection(event::Loop& loop, net::Socket socket);
  ~SocketConnection();
  SocketConnection& operator=(const SocketConnection&) = delete;

  // co_await: true when there may be something to read (or room to write), false after `timeout_ms`.
  async::Signal::Wait readable(std::uint64_t timeout_ms);
  async::Signal::Wait writable(std::uint64_t timeout_ms);
  // The same for TLS, which says at kAgain what it waits for.
  async::Signal::Wait ready_to_read(std::uint64_t timeout_ms) {
    return transport.wants_write() ? writable(timeout_ms) : readable(timeout_ms);
  }
  // Reads at most `bytes` more into the buffer.
  net::IoResult read(std::size_t bytes);
  // kAgain: the peer has neither sent anything nor ended.
  net::IoResult probe();
  // From now on it is one of those that `pool` counts.
  void count_in(SocketPool& pool);
  void close();

  // --- for pools
  void become_idle(SocketPool& pool, Place place, std::uint64_t timeout_ms);
  void become_used();

  net::Transport transport;
  ReceiveBuffer buffer;
  base::Ref<KeptSession> session;  // outlives what uses it
  std::uint32_t reused = 0;

 private:
  static void on_io(void* self, bool readable, bool writable);
  void drop_idle();

  event::IoWatch watch_;
  event::Timer idle_timer_;
  async::Signal readable_;
  async::Signal writable_;
  bool read_awaited_ = false;
  SocketPool* idle_in_ = nullptr;  // null: a cosocket has it
  Place place_;
  base::Ref<SocketPool> counted_in_;
};

}  // namespace apisix::lua
