// RedisCluster: a redis cluster as one service. Each key has its slot, each slot its node; the map of slots
// is read when it is first needed, corrected by MOVED, and read again when nodes move or fail. One reading at
// a time, in the background; calls wait for it only when they know no node to ask.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "shared/async/scope.h"
#include "shared/async/signal.h"
#include "shared/client/redis_service.h"

namespace apisix::client {

// What MOVED and ASK say: "MOVED 3999 127.0.0.1:6381".
struct RedisRedirect {
  bool is_ask = false;
  std::uint16_t slot = 0;
  RedisAddress node;  // an empty host is that of the node that said it

  static std::optional<RedisRedirect> parse(std::string_view error);
};

class RedisCluster final : public RedisService {
 public:
  static constexpr unsigned kRedirectsMax = 5;
  static constexpr std::size_t kNodesMax = 1000;

  RedisCluster(RedisDeps& deps, RedisClusterTarget target);

  async::Task<base::Result<RedisReply>> call(RedisCommand command) override;

 private:
  using NodeIndex = std::uint16_t;
  static constexpr NodeIndex kNoNode = 0xFFFF;
  // What to do after a failed attempt: retry, or not.
  enum class Next : std::uint8_t { kGiveUp, kAgain, kAfterPause, kAfterReading };

  NodeIndex node_at(const RedisAddress& address);
  base::Ref<RedisPool> node_of(std::uint16_t slot);
  Next judge(const base::Error& error, std::uint16_t slot, base::Ref<RedisPool>& node, bool& asking);
  void follow(const RedisRedirect& redirect, base::Ref<RedisPool>& node);

  void read_slots();
  async::Task<void> reading();
  bool apply_slots(const RedisReply& reply, const RedisPool& from);
  std::uint64_t left_ms(std::uint64_t deadline_ms) const;

  RedisDeps& deps_;
  const RedisClusterTarget target_;
  std::vector<base::Ref<RedisPool>> nodes_;
  std::vector<NodeIndex> slots_;
  std::size_t first_to_ask_ = 0;  // of nodes_: the last that replied
  bool is_reading_ = false;
  std::optional<base::Error> read_failure_;
  async::Signal was_read_;
  async::Scope scope_;
};

}  // namespace apisix::client
