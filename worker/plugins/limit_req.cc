// limit-req: requests above a rate wait until the rate allows them, and are refused above a burst. A leaky
// bucket for each key: in shared memory, or in a redis.
#include <algorithm>
#include <cmath>
#include <string>

#include "shared/memory/zones.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"
#include "worker/plugins/limit/limiter.h"
#include "worker/plugins/limit/redis_policy.h"

namespace apisix::plugins {
namespace {

// A delay that is shorter is none.
constexpr double kDelayMinS = 0.001;

// The bucket is a hash of its excess and when that was, in thousandths of requests and milliseconds. ARGV:
// rate, burst, now, lifetime. The excess is returned as text: redis cuts numbers to integers.
const client::RedisScript& bucket_script() {
  static const client::RedisScript script(
      "local rate, burst, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
      "local bucket = redis.call('HMGET', KEYS[1], 'excess', 'last')\n"
      "local excess = 0\n"
      "if bucket[1] and bucket[2] then\n"
      "  local leaked = rate * math.abs(now - tonumber(bucket[2])) / 1000\n"
      "  excess = math.max(tonumber(bucket[1]) - leaked + 1000, 0)\n"
      "  if excess > burst then return {0, tostring(excess)} end\n"
      "end\n"
      "redis.call('HSET', KEYS[1], 'excess', excess, 'last', now)\n"
      "redis.call('EXPIRE', KEYS[1], ARGV[4])\n"
      "return {1, tostring(excess)}");
  return script;
}

// Of a rate near 0 it is beyond every number: 31 years are as good.
std::uint64_t milliseconds_of(double delay_s) {
  return static_cast<std::uint64_t>(std::ceil(std::min(delay_s, 1e9) * 1000));
}

class LimitReq final : public plugin::Plugin, private Limiter {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "limit-req", .priority = 1001};

  static base::Result<base::Ref<plugin::Plugin>> make(const plugin::Conf& conf,
                                                      const plugin::BuildContext& context) {
    auto redis = redis_of(conf.json(), context.deps);
    if (!redis) return std::unexpected(redis.error());
    return base::Ref<plugin::Plugin>(new LimitReq(conf, context, std::move(*redis)));
  }

  plugin::Step access(plugin::Request& request) override {
    const std::string_view key = counter_of(key_.of(request), request);
    if (redis_) return limit_by_redis(request, key);
    const auto verdict = buckets_.take(key, rate_, burst_, true, request.clock().monotonic_ms());
    if (!verdict.is_granted) return reject(request);
    const double delay_s = verdict.excess / rate_;
    if (delay_s < kDelayMinS || nodelay_) return plugin::pass();
    return wait(request, delay_s);
  }

 private:
  LimitReq(const plugin::Conf& conf, const plugin::BuildContext& context,
           base::Ref<client::RedisService> redis)
      : Limiter(conf, CounterName(conf.json(), context)),
        key_(conf.text("key_type"), conf.text("key")),
        buckets_(context.deps.zones->limit_req),
        redis_(std::move(redis)),
        rate_(conf.real("rate")),
        burst_(conf.real("burst")),
        nodelay_(conf.flag("nodelay")) {}

  static plugin::Step wait(plugin::Request& request, double delay_s) {
    co_await request.sleep_ms(milliseconds_of(delay_s));
    co_return plugin::Outcome::kPass;
  }

  plugin::Step limit_by_redis(plugin::Request& request, std::string_view key) {
    const std::uint64_t now_ms = request.clock().wall_us() / 1000;
    const double rate = rate_ * 1000;
    const double burst = burst_ * 1000;
    const auto lifetime_s = static_cast<std::int64_t>(std::min(std::ceil(burst / rate) + 1, 1e9));
    const auto reply = co_await redis_->run(bucket_script(), "limit_req:" + std::string(key), rate, burst,
                                            now_ms, lifetime_s);
    if (!reply) co_return fail(request, reply.error().what);
    const auto excess = reply->items.size() == 2 ? reply->items[1].number() : std::nullopt;
    if (!excess) co_return fail(request, "malformed redis response");
    if (reply->items[0].whole_number() != 1) co_return reject(request);
    const double delay_s = *excess / rate;
    if (delay_s >= kDelayMinS && !nodelay_) {
      co_await request.sleep_ms(milliseconds_of(delay_s));
    }
    co_return plugin::Outcome::kPass;
  }

  plugin::Outcome fail(plugin::Request& request, std::string_view what) const {
    plugin::log_error(request, "failed to limit req: {}", what);
    return degrade(request);
  }

  const LimitKey key_;
  memory::RateTable& buckets_;
  const base::Ref<client::RedisService> redis_;  // null: local
  const double rate_;                            // per second
  const double burst_;
  const bool nodelay_;
};

}  // namespace

const plugin::PluginKind& limit_req = plugin::define<LimitReq>();

}  // namespace apisix::plugins
