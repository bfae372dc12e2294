// RedisSentinel: the server that sentinels name as master (or a replica of it) as one service. All sentinels
// are asked at once and the first reply counts; they are asked again every second of use, and in a retry at
// once when the server is gone or says that it is not the master any more.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "shared/async/scope.h"
#include "shared/async/signal.h"
#include "shared/client/redis_service.h"

namespace apisix::client {

class RedisSentinel final : public RedisService {
 public:
  static constexpr std::uint64_t kFreshMs = 1000;

  RedisSentinel(RedisDeps& deps, RedisSentinelTarget target);

  async::Task<base::Result<RedisReply>> call(RedisCommand command) override;

 private:
  void ask_sentinels();
  async::Task<void> ask(std::size_t sentinel, std::uint64_t round);
  void on_reply(std::uint64_t round, base::Result<RedisAddress> address);
  base::Result<RedisAddress> read_reply(const RedisReply& reply);
  base::Result<RedisAddress> choose_replica(const RedisReply& reply);
  void use(const RedisAddress& address);
  std::uint64_t left_ms(std::uint64_t deadline_ms) const;
  std::uint64_t now_ms() const { return deps_.loop.clock().monotonic_ms(); }

  RedisDeps& deps_;
  const RedisSentinelTarget target_;
  std::vector<base::Ref<RedisPool>> sentinels_;
  base::Ref<RedisPool> server_;  // null: not known yet
  std::uint64_t round_ = 0;
  std::size_t replies_due_ = 0;  // of this round
  bool is_looking_up_ = false;   // this round has no valid reply yet
  std::uint64_t found_ms_ = 0;
  std::size_t replica_turn_ = 0;
  std::optional<base::Error> failure_;
  async::Signal looked_up_;
  async::Scope scope_;
};

}  // namespace apisix::client
