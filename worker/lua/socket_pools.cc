#include "worker/lua/socket_pools.h"

#include <utility>

namespace apisix::lua {

SocketPools::Idle::Idle(event::Loop& loop, SocketPools& pools, std::string name,
                        std::unique_ptr<Connection> connection)
    : pools(pools),
      name(std::move(name)),
      connection(std::move(connection)),
      timer(loop.timers(), [](void* self) { static_cast<Idle*>(self)->end(); }, this) {}

// Not inside the connection's own callback.
void SocketPools::Idle::end() {
  pools.loop_.ready().push(
      ended,
      [](void* self) {
        auto& idle = *static_cast<Idle*>(self);
        idle.pools.remove(idle);
      },
      this);
}

void SocketPools::remove(Idle& idle) {
  const auto found = pools_.find(idle.name);
  found->second.idle.erase(idle.self);
}

std::unique_ptr<Connection> SocketPools::take(const std::string& name) {
  const auto found = pools_.find(name);
  if (found == pools_.end() || found->second.idle.empty()) return nullptr;
  auto connection = std::move(found->second.idle.front().connection);
  found->second.idle.pop_front();
  connection->end_idle();
  ++connection->reused;
  return connection;
}

void SocketPools::give(const std::string& name, std::unique_ptr<Connection> connection, std::uint64_t idle_ms,
                       std::size_t size) {
  Pool& pool = pools_[name];
  if (pool.size == 0) pool.size = size;
  if (pool.idle.size() >= pool.size) pool.idle.pop_back();
  Idle& idle = pool.idle.emplace_front(loop_, *this, name, std::move(connection));
  idle.self = pool.idle.begin();
  if (idle_ms != 0) idle.timer.set_after_ms(idle_ms);
  idle.connection->watch_idle([](void* self) { static_cast<Idle*>(self)->end(); }, &idle);
}

std::size_t SocketPools::idle() const {
  std::size_t count = 0;
  for (const auto& [name, pool] : pools_) count += pool.idle.size();
  return count;
}

}  // namespace apisix::lua
