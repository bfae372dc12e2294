// RedisService: a redis as its users see it, whatever is behind it: one server, a cluster, or what sentinels
// name. Calls have the configured timeout. Shared by all who configure the same (redis_clients.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/async/task.h"
#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/client/redis_command.h"
#include "shared/client/redis_pool.h"
#include "shared/client/redis_reply.h"

namespace apisix::client {

// A Lua script of the server's: sent by its digest, whole only to a server that does not know it.
class RedisScript {
 public:
  explicit RedisScript(std::string text);

  const std::string& text() const { return text_; }
  const std::string& sha1() const { return sha1_; }

 private:
  std::string text_;
  std::string sha1_;
};

class RedisService : public base::Counted<RedisService> {
 public:
  RedisService() = default;
  virtual ~RedisService() = default;

  // An error reply of the server is an Error whose `what` is its text.
  virtual async::Task<base::Result<RedisReply>> call(RedisCommand command) = 0;

  // Runs `script`, which outlives the call, on one key (all that a cluster allows).
  template <typename... Args>
  async::Task<base::Result<RedisReply>> run(const RedisScript& script, std::string_view key,
                                            const Args&... args) {
    RedisCommand by_digest("EVALSHA", script.sha1(), 1);
    RedisCommand whole("EVAL", script.text(), 1);
    for (RedisCommand* command : {&by_digest, &whole}) {
      command->add_key(key);
      (command->add(args), ...);
    }
    return run_either(std::move(by_digest), std::move(whole));
  }

 private:
  async::Task<base::Result<RedisReply>> run_either(RedisCommand by_digest, RedisCommand whole);
};

// One server.
class RedisSingle final : public RedisService {
 public:
  RedisSingle(RedisDeps& deps, const RedisTarget& target) : pool_(new RedisPool(deps, target)) {}

  async::Task<base::Result<RedisReply>> call(RedisCommand command) override;

 private:
  base::Ref<RedisPool> pool_;
};

// The server did not run the command and a retry after a moment succeeds: it is loading, or a slot is on its
// way.
bool is_passing_refusal(std::string_view error);

}  // namespace apisix::client
