#include "worker/lua/socket_pool.h"

#include <algorithm>
#include <utility>

namespace apisix::lua {

base::Ref<SocketConnection> SocketPool::take() {
  if (idle_.empty()) return nullptr;
  base::Ref<SocketConnection> taken = std::move(idle_.front());
  idle_.pop_front();
  taken->become_used();
  return taken;
}

void SocketPool::keep(SocketConnection& connection, std::uint64_t timeout_ms) {
  idle_.emplace_front(&connection);
  connection.become_idle(*this, idle_.begin(), timeout_ms);
  if (idle_.size() > size_max_) idle_.pop_back();
  if (waiting_ > 0) freed_.notify();
}

void SocketPool::remove_connection() {
  --connections_;
  if (waiting_ > 0) freed_.notify();
}

SocketPools::~SocketPools() {
  for (auto& [name, pool] : pools_) pool->close_idle();
}

base::Ref<SocketPool> SocketPools::find(std::string_view name) const {
  const auto found = pools_.find(name);
  return found != pools_.end() ? found->second : nullptr;
}

base::Ref<SocketPool> SocketPools::get(const std::string& name, std::size_t size_max,
                                       std::optional<std::size_t> backlog) {
  if (auto found = find(name)) return found;
  if (pools_.size() >= sweep_at_) {
    std::erase_if(pools_, [](const auto& entry) {
      return entry.second->is_unused() && entry.second->references() == 1;
    });
    sweep_at_ = std::max<std::size_t>(64, pools_.size() * 2);
  }
  return pools_.emplace(name, base::make_counted<SocketPool>(loop_, size_max, backlog)).first->second;
}

}  // namespace apisix::lua
