// RedisClients: all redis services of one process, shared by configuration: who configures the same server
// with the same credentials uses the same connections. One per worker.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "shared/async/scope.h"
#include "shared/client/redis_service.h"
#include "shared/client/redis_target.h"

namespace apisix::client {

class RedisClients {
 public:
  // A service without references is kept that long: a configuration that changes keeps its
  // connections.
  static constexpr std::uint64_t kUnusedMs = 60'000;

  // `resolver` may be null: then only literal addresses work. `ca_file`: the certificates that
  // redis_ssl_verify trusts. `tls` outlives it.
  RedisClients(event::Loop& loop, resolve::Resolver* resolver, std::string ca_file,
               net::TlsClientContexts& tls);

  base::Ref<RedisService> single(const RedisTarget& target);
  base::Ref<RedisService> cluster(const RedisClusterTarget& target);
  base::Ref<RedisService> sentinel(const RedisSentinelTarget& target);

  // Sends a command and does not wait for the reply; a failure is logged.
  void post(base::Ref<RedisService> service, RedisCommand command);
  // Work with redis that outlives the request that began it.
  void spawn(async::Task<void> task) { scope_.spawn(std::move(task)); }
  // Nothing that was posted or spawned is under way.
  bool is_idle() const { return scope_.empty(); }

 private:
  struct Kept {
    base::Ref<RedisService> service;
    std::uint64_t used_ms = 0;
  };
  template <typename Target>
  using ByTarget = std::map<Target, Kept>;

  template <typename Service, typename Target>
  base::Ref<RedisService> find_or_make(ByTarget<Target>& known, const Target& target);
  template <typename Target>
  void drop_unused(ByTarget<Target>& known);
  void sweep();
  async::Task<void> call(base::Ref<RedisService> service, RedisCommand command);

  RedisDeps deps_;
  ByTarget<RedisTarget> singles_;
  ByTarget<RedisClusterTarget> clusters_;
  ByTarget<RedisSentinelTarget> sentinels_;
  event::Timer sweep_timer_;
  async::Scope scope_;
};

}  // namespace apisix::client
