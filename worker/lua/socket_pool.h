// SocketPools: the idle connections of cosockets of one worker, by the name of their pool. They outlive
// requests and reloads. An idle connection that its peer ends, or sends to, is closed at once.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "shared/async/signal.h"
#include "shared/base/counted.h"
#include "worker/lua/socket_connection.h"
#include "worker/plugin/deps.h"

namespace apisix::lua {

class SocketPool : public base::Counted<SocketPool> {
 public:
  using Idle = std::list<base::Ref<SocketConnection>>;

  SocketPool(event::Loop& loop, std::size_t size_max, std::optional<std::size_t> backlog)
      : size_max_(size_max), backlog_(backlog), freed_(loop) {}
  SocketPool& operator=(const SocketPool&) = delete;

  // The one that was used last; null: none is idle.
  base::Ref<SocketConnection> take();
  // Beyond the pool's size the one that was not used for longest is closed.
  void keep(SocketConnection& connection, std::uint64_t timeout_ms);
  // The connection is closed.
  void drop(Idle::iterator place) { idle_.erase(place); }
  void close_idle() { idle_.clear(); }
  bool is_unused() const { return idle_.empty() && connections_ == 0 && waiting_ == 0; }

  // --- with a backlog: connections, used or idle, are counted, and connects wait for room
  bool has_backlog() const { return backlog_.has_value(); }
  bool is_full() const { return has_backlog() && connections_ >= size_max_ && idle_.empty(); }
  bool may_wait() const { return waiting_ < backlog_.value_or(0); }
  // co_await: false after `timeout_ms`; true: look again.
  async::Signal::Wait freed(std::uint64_t timeout_ms) { return freed_.wait(timeout_ms); }
  void add_waiting() { ++waiting_; }
  void remove_waiting() { --waiting_; }
  void add_connection() { ++connections_; }
  void remove_connection();

 private:
  const std::size_t size_max_;
  const std::optional<std::size_t> backlog_;
  async::Signal freed_;
  Idle idle_;  // the one used last in front
  std::size_t connections_ = 0;
  std::size_t waiting_ = 0;
};

class SocketPools {
 public:
  static constexpr std::size_t kSizeDefault = 30;  // lua_socket_pool_size

  explicit SocketPools(plugin::Deps& deps) : loop_(deps.loop) {}
  ~SocketPools();
  SocketPools(const SocketPools&) = delete;
  SocketPools& operator=(const SocketPools&) = delete;

  // Null: there is none.
  base::Ref<SocketPool> find(std::string_view name) const;
  // The first one who names it says its size.
  base::Ref<SocketPool> get(const std::string& name, std::size_t size_max,
                            std::optional<std::size_t> backlog = {});

 private:
  event::Loop& loop_;
  std::map<std::string, base::Ref<SocketPool>, std::less<>> pools_;
  std::size_t sweep_at_ = 64;
};

}  // namespace apisix::lua
