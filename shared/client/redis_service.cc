#include "shared/client/redis_service.h"

#include <utility>

#include "shared/base/crypto_digest.h"

namespace apisix::client {

RedisScript::RedisScript(std::string text)
    : text_(std::move(text)), sha1_(base::digest_of(base::Digest::kSha1, text_).hex()) {}

async::Task<base::Result<RedisReply>> RedisService::run_either(RedisCommand by_digest, RedisCommand whole) {
  const base::Ref<RedisService> keep(this);
  auto reply = co_await call(std::move(by_digest));
  if (reply || !reply.error().what.starts_with("NOSCRIPT")) co_return reply;
  co_return co_await call(std::move(whole));
}

async::Task<base::Result<RedisReply>> RedisSingle::call(RedisCommand command) {
  const base::Ref<RedisPool> pool = pool_;
  co_return co_await pool->call(std::move(command), pool->target().reply_timeout_ms);
}

bool is_passing_refusal(std::string_view error) {
  return error.starts_with("LOADING") || error.starts_with("TRYAGAIN") || error.starts_with("CLUSTERDOWN") ||
         error.starts_with("MASTERDOWN");
}

}  // namespace apisix::client
