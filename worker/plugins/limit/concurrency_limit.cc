#include "worker/plugins/limit/concurrency_limit.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "shared/client/redis_clients.h"
#include "worker/plugin/request_log.h"
#include "worker/plugins/limit/redis_policy.h"

namespace apisix::plugins {
namespace {

constexpr std::int64_t kLeaseSecondsMax = 1'000'000'000;  // 31 years: can be added to any time

// The leases of a key are a sorted set of request ids, by the time when each ends. ARGV: limit, lifetime,
// now, id.
const client::RedisScript& lease_script() {
  static const client::RedisScript script(
      "redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, ARGV[3])\n"
      "local in_flight = redis.call('ZCARD', KEYS[1])\n"
      "if in_flight >= tonumber(ARGV[1]) then return {0, in_flight} end\n"
      "redis.call('ZADD', KEYS[1], ARGV[3] + ARGV[2], ARGV[4])\n"
      "redis.call('EXPIRE', KEYS[1], ARGV[2])\n"
      "return {1, in_flight + 1}");
  return script;
}

std::int64_t sum_of(std::int64_t conn, std::int64_t burst) {
  return conn > std::numeric_limits<std::int64_t>::max() - burst ? std::numeric_limits<std::int64_t>::max()
                                                                 : conn + burst;
}

}  // namespace

base::Result<std::unique_ptr<ConcurrencyLimit>> ConcurrencyLimit::make(const plugin::Conf& conf,
                                                                       const plugin::BuildContext& context,
                                                                       memory::LeaseTable& leases) {
  auto redis = redis_of(conf.json(), context.deps);
  if (!redis) return std::unexpected(redis.error());
  return std::unique_ptr<ConcurrencyLimit>(new ConcurrencyLimit(conf, context, leases, std::move(*redis)));
}

ConcurrencyLimit::ConcurrencyLimit(const plugin::Conf& conf, const plugin::BuildContext& context,
                                   memory::LeaseTable& leases, base::Ref<client::RedisService> redis)
    : Limiter(conf, CounterName(conf.json(), context)),
      deps_(context.deps),
      leases_(leases),
      redis_(std::move(redis)),
      default_delay_s_(conf.real("default_conn_delay")) {
  if (conf.has("key_ttl")) lease_ttl_s_ = conf.number<std::int64_t>("key_ttl", 1, kLeaseSecondsMax);
  if (!conf.has("rules")) add_rule(conf, true);
  for (const plugin::Conf& rule : conf.items("rules")) add_rule(rule, false);
}

void ConcurrencyLimit::add_rule(const plugin::Conf& conf, bool is_only) {
  rules_.push_back({RuleKey(conf, is_only), LimitNumber(conf.json("conn")),
                    LimitNumber(conf.json("burst"), /*allows_zero=*/true)});
}

// ---- what the rules are for one request

base::Result<std::size_t> ConcurrencyLimit::apply_all(plugin::Request& request, Applied* applied) const {
  std::size_t count = 0;
  for (const Rule& rule : rules_) {
    const auto conn = rule.conn.of(request);
    const auto burst = rule.burst.of(request);
    if (rule.key.is_of_only_rule() && (!conn || !burst))
      return std::unexpected(conn ? burst.error() : conn.error());
    if (!conn || !burst) continue;
    const auto key = rule.key.of(request);
    if (!key) continue;
    applied[count++] = {counter_of(*key, request), *conn, *burst};
  }
  if (count == 0) return base::invalid("no rule applies");
  return count;
}

plugin::Step ConcurrencyLimit::begin(plugin::Request& request) {
  auto* applied =
      static_cast<Applied*>(request.arena().allocate(sizeof(Applied) * rules_.size(), alignof(Applied)));
  std::uninitialized_default_construct_n(applied, rules_.size());
  const auto count = apply_all(request, applied);
  if (!count) {
    plugin::log_error(request, "failed to get limit conn rules: {}", count.error().what);
    return degrade(request);
  }
  if (redis_) return begin_by_redis(request, applied, *count);
  for (std::size_t i = 0; i < *count; ++i) {
    std::uint64_t delay_ms = 0;
    if (const auto outcome = take(request, applied[i], delay_ms)) return *outcome;
    if (delay_ms > 0) return wait_for_rest(request, applied + i + 1, *count - i - 1, delay_ms);
  }
  return plugin::pass();
}

// The rules behind one that makes the request wait.
plugin::Step ConcurrencyLimit::wait_for_rest(plugin::Request& request, const Applied* applied,
                                             std::size_t count, std::uint64_t delay_ms) {
  co_await request.sleep_ms(delay_ms);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t next_delay_ms = 0;
    if (const auto outcome = take(request, applied[i], next_delay_ms)) co_return *outcome;
    if (next_delay_ms > 0) co_await request.sleep_ms(next_delay_ms);
  }
  co_return plugin::Outcome::kPass;
}

std::optional<plugin::Outcome> ConcurrencyLimit::take(plugin::Request& request, const Applied& applied,
                                                      std::uint64_t& delay_ms) {
  const auto limit = static_cast<std::uint32_t>(
      std::min<std::int64_t>(sum_of(applied.conn, applied.burst), std::numeric_limits<std::uint32_t>::max()));
  const auto taken = leases_.acquire(applied.key, limit, deps_.zone_owner, request.clock().monotonic_ms());
  switch (taken.outcome) {
    case memory::LeaseTable::Outcome::kRefused:
      return reject(request);
    case memory::LeaseTable::Outcome::kNoRoom: {
      const auto outcome = fail(request, "no memory");
      return outcome == plugin::Outcome::kPass ? std::nullopt : std::optional(outcome);
    }
    case memory::LeaseTable::Outcome::kGranted:
      break;
  }
  hold(request).lease = taken.lease;
  delay_ms = delay_ms_of(applied, taken.in_use);
  return std::nullopt;
}

// ---- in redis

plugin::Step ConcurrencyLimit::begin_by_redis(plugin::Request& request, const Applied* applied,
                                              std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto in_flight = co_await take_in_redis(request, applied[i]);
    // The next rule would wait as long for the same redis.
    if (!in_flight) co_return fail(request, in_flight.error().what);
    if (*in_flight == 0) co_return reject(request);
    const std::uint64_t delay_ms = delay_ms_of(applied[i], *in_flight);
    if (delay_ms > 0) co_await request.sleep_ms(delay_ms);
  }
  co_return plugin::Outcome::kPass;
}

// How many are in flight with this one; 0: it is refused. The lease is held before the question is sent: who
// has its timeout before the reply cannot know whether it was granted, and gives it back all the same.
async::Task<base::Result<std::int64_t>> ConcurrencyLimit::take_in_redis(plugin::Request& request,
                                                                        const Applied& applied) {
  Held& held = hold(request);
  held.redis_key = request.arena().concat(std::string_view("limit_conn:"), applied.key);
  held.member = request.id();
  const auto reply = co_await redis_->run(lease_script(), held.redis_key, sum_of(applied.conn, applied.burst),
                                          lease_ttl_s_, request.clock().wall_seconds(), held.member);
  if (!reply) co_return std::unexpected(reply.error());
  const auto in_flight = reply->items.size() == 2 ? reply->items[1].whole_number() : std::nullopt;
  if (!in_flight) {
    co_return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kUpstream, "malformed redis response");
  }
  if (reply->items[0].whole_number() == 1) co_return *in_flight;
  held.redis_key = {};
  co_return 0;
}

// ---- leases

ConcurrencyLimit::Held& ConcurrencyLimit::hold(plugin::Request& request) {
  auto& state = request.state<State>(this);
  auto* held = request.arena().make<Held>();
  held->next = state.first;
  state.first = held;
  return *held;
}

void ConcurrencyLimit::end(plugin::Request& request) {
  auto* state = request.find_state<State>(this);
  if (state == nullptr) return;
  for (Held* held = std::exchange(state->first, nullptr); held != nullptr; held = held->next) {
    if (held->lease.is_held) leases_.release(held->lease, deps_.zone_owner);
    if (held->redis_key.empty()) continue;
    client::RedisCommand command("ZREM");
    command.add_key(held->redis_key).add(held->member);
    deps_.redis->post(redis_, std::move(command));
  }
}

// APISIX makes those above `conn` wait one delay for each full `conn` that is in flight before them.
std::uint64_t ConcurrencyLimit::delay_ms_of(const Applied& applied, std::int64_t in_flight) const {
  if (in_flight <= applied.conn) return 0;
  const double delay_s = default_delay_s_ * static_cast<double>((in_flight - 1) / applied.conn);
  return delay_s < 0.001 ? 0 : static_cast<std::uint64_t>(std::min(delay_s, 1e9) * 1000);
}

plugin::Outcome ConcurrencyLimit::fail(plugin::Request& request, std::string_view what) const {
  plugin::log_error(request, "failed to limit conn: {}", what);
  return degrade(request);
}

}  // namespace apisix::plugins
