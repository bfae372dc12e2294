// SocketPools: connections of Lua that wait for their next use, by the name of their pool ("host:port", or
// what connect() was told). One for a State. A connection leaves when it is taken, when its peer closes or
// says something, when it has been idle for too long, and when its pool is full (the oldest).
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "shared/event/timer_wheel.h"
#include "worker/lua/connection.h"

namespace apisix::lua {

class SocketPools {
 public:
  explicit SocketPools(event::Loop& loop) : loop_(loop) {}

  // Null: there is none.
  std::unique_ptr<Connection> take(const std::string& name);
  // `idle_ms` 0: no limit. The first give() of a pool says how many it holds.
  void give(const std::string& name, std::unique_ptr<Connection> connection, std::uint64_t idle_ms,
            std::size_t size);
  std::size_t idle() const;

 private:
  struct Idle {
    Idle(event::Loop& loop, SocketPools& pools, std::string name, std::unique_ptr<Connection> connection);
    void end();

    SocketPools& pools;
    const std::string name;
    std::unique_ptr<Connection> connection;
    event::Timer timer;
    event::ReadyNode ended;
    std::list<Idle>::iterator self;
  };
  struct Pool {
    std::list<Idle> idle;  // the newest first
    std::size_t size = 0;
  };
  void remove(Idle& idle);

  event::Loop& loop_;
  std::unordered_map<std::string, Pool> pools_;
};

}  // namespace apisix::lua
