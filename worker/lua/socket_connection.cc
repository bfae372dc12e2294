#include "worker/lua/socket_connection.h"

#include <array>
#include <utility>

#include "worker/lua/socket_pool.h"

namespace apisix::lua {

SocketConnection::SocketConnection(event::Loop& loop, net::Socket socket)
    : transport(std::move(socket)),
      watch_(loop, &SocketConnection::on_io, this),
      idle_timer_(
          loop.timers(), [](void* self) { static_cast<SocketConnection*>(self)->drop_idle(); }, this),
      readable_(loop),
      writable_(loop) {
  watch_.start(transport.fd(), false, false);
}

SocketConnection::~SocketConnection() {
  close();
}

void SocketConnection::close() {
  watch_.stop();
  transport.close();
  if (counted_in_) std::exchange(counted_in_, nullptr)->remove_connection();
}

// Interest in reading stays until an event comes that no one waits for: a wait costs no system call then.
async::Signal::Wait SocketConnection::readable(std::uint64_t timeout_ms) {
  buffer.release_if_empty();
  read_awaited_ = true;
  watch_.want_read(true);
  return readable_.wait(timeout_ms);
}

async::Signal::Wait SocketConnection::writable(std::uint64_t timeout_ms) {
  watch_.want_write(true);
  return writable_.wait(timeout_ms);
}

net::IoResult SocketConnection::read(std::size_t bytes) {
  const net::IoResult result = transport.read(buffer.room(bytes));
  buffer.commit(result.bytes);
  return result;
}

net::IoResult SocketConnection::probe() {
  std::array<char, 1> byte;
  return transport.is_plain() ? transport.peek(byte) : transport.read(byte);
}

void SocketConnection::count_in(SocketPool& pool) {
  counted_in_ = base::Ref<SocketPool>(&pool);
  pool.add_connection();
}

void SocketConnection::become_idle(SocketPool& pool, Place place, std::uint64_t timeout_ms) {
  idle_in_ = &pool;
  place_ = place;
  buffer.release_if_empty();
  watch_.want_read(true);
  if (timeout_ms > 0) idle_timer_.set_after_ms(timeout_ms);
}

void SocketConnection::become_used() {
  idle_in_ = nullptr;
  idle_timer_.cancel();
  ++reused;
}

// The last reference may be the pool's: nothing may follow.
void SocketConnection::drop_idle() {
  std::exchange(idle_in_, nullptr)->drop(place_);
}

void SocketConnection::on_io(void* self, bool readable, bool writable) {
  auto& connection = *static_cast<SocketConnection*>(self);
  if (connection.idle_in_ != nullptr) {
    // Of TLS it may be a new session, which is no content.
    if (connection.probe().kind != net::IoResult::Kind::kAgain) connection.drop_idle();
    return;
  }
  if (writable) {
    connection.watch_.want_write(false);
    connection.writable_.notify();
  }
  if (readable) {
    if (!std::exchange(connection.read_awaited_, false)) connection.watch_.want_read(false);
    connection.readable_.notify();
  }
}

}  // namespace apisix::lua
