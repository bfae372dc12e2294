#include "worker/plugins/limit/quota_counter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "shared/base/log.h"

namespace apisix::plugins {
namespace {

// Longer windows than this (300 years) never end.
constexpr std::int64_t kWindowMaxS = 10'000'000'000;

std::uint64_t window_ms_of(const QuotaUse& use) {
  return static_cast<std::uint64_t>(std::min(use.window_s, kWindowMaxS)) * 1000;
}

double rounded_up(double seconds) {
  return std::ceil(seconds * 100) / 100;
}

// A counter that is made starts its window; the reply is its value and its remaining time.
const client::RedisScript& fixed_script() {
  static const client::RedisScript script(
      "local left = redis.call('PTTL', KEYS[1])\n"
      "if left < 0 then\n"
      "  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])\n"
      "  return {tonumber(ARGV[1]), ARGV[2] * 1000}\n"
      "end\n"
      "return {redis.call('INCRBY', KEYS[1], ARGV[1]), left}");
  return script;
}

// Looks and counts in one step. ARGV: cost, limit, what the window before stands for, lifetime.
const client::RedisScript& sliding_script() {
  static const client::RedisScript script(
      "local current = tonumber(redis.call('GET', KEYS[1]) or 0)\n"
      "local limit = tonumber(ARGV[2])\n"
      "if current >= limit or current + tonumber(ARGV[3]) >= limit then return {0, current} end\n"
      "if redis.call('PTTL', KEYS[1]) < 0 then\n"
      "  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4])\n"
      "  return {1, tonumber(ARGV[1])}\n"
      "end\n"
      "return {1, redis.call('INCRBY', KEYS[1], ARGV[1])}");
  return script;
}

std::unexpected<base::Error> malformed() {
  return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kUpstream, "malformed redis response");
}

// The two whole numbers in the replies of both scripts.
base::Result<std::pair<std::int64_t, std::int64_t>> two_numbers(const client::RedisReply& reply) {
  if (reply.items.size() != 2) return malformed();
  const auto first = reply.items[0].whole_number();
  const auto second = reply.items[1].whole_number();
  if (!first || !second) return malformed();
  return std::pair(*first, *second);
}

// Where `now_ms` is in the windows of `window_s`, which start at multiples of their length.
struct WindowPlace {
  std::int64_t window;
  double left_s;

  WindowPlace(std::int64_t window_s, std::uint64_t now_ms) {
    const std::uint64_t length_ms = static_cast<std::uint64_t>(std::min(window_s, kWindowMaxS)) * 1000;
    window = static_cast<std::int64_t>(now_ms / length_ms);
    left_s = static_cast<double>(length_ms - now_ms % length_ms) / 1000;
  }
};

}  // namespace

QuotaResult sliding_result(const QuotaUse& use, bool is_granted, std::int64_t current, std::int64_t previous,
                           double left_s) {
  const double rate = static_cast<double>(previous) / static_cast<double>(use.window_s);
  const auto limit = static_cast<double>(use.count);
  const auto used = static_cast<double>(current);
  if (is_granted) {
    return {true, static_cast<std::int64_t>(std::floor(limit - used - rate * left_s)), rounded_up(left_s)};
  }
  // When the share of the window before has shrunk enough for one more.
  double wait_s = left_s;
  if (current < use.count && previous > 0) wait_s = std::max(left_s - (limit - used) / rate, 0.0);
  return {false, 0, rounded_up(wait_s)};
}

// ---- in shared memory

QuotaResult LocalQuota::take(std::string_view key, const QuotaUse& use, const base::Clock& clock) {
  const std::uint64_t window_ms = window_ms_of(use);
  if (is_sliding_) {
    const auto count = use.cost == 0 ? sliding_.get(key, window_ms, clock.wall_ms())
                                     : sliding_.take(key, use.cost, use.count, window_ms, clock.wall_ms());
    const std::int64_t previous = std::min(count.previous, use.count);
    return sliding_result(use, count.is_granted || use.cost == 0, count.current, previous,
                          static_cast<double>(count.left_ms) / 1000);
  }
  memory::Dictionary::Entry entry{.value = 0, .ttl_left_ms = window_ms, .is_new = true};
  if (use.cost == 0) {
    if (const auto found = fixed_.get(key, clock.monotonic_ms())) entry = *found;
  } else {
    entry = fixed_.incr(key, use.cost, {.value = 0, .ttl_ms = window_ms}, clock.monotonic_ms());
  }
  return {entry.value <= use.count, use.count - entry.value, static_cast<double>(entry.ttl_left_ms) / 1000};
}

// ---- in redis

async::Task<base::Result<QuotaResult>> RedisQuota::take(std::string_view key, QuotaUse use,
                                                        const base::Clock& clock) {
  if (is_sliding_) return take_sliding(std::string(key), use, clock.wall_ms());
  // The version is of the format: counters of another one are left to expire.
  return take_fixed(name_ + ":v1:" + std::string(key), use);
}

async::Task<base::Result<QuotaResult>> RedisQuota::add(std::string_view key, QuotaUse use,
                                                       const base::Clock& clock) {
  return is_sliding_ ? add_sliding(std::string(key), use, clock.wall_ms()) : take(key, use, clock);
}

async::Task<base::Result<QuotaResult>> RedisQuota::take_fixed(std::string key, QuotaUse use) {
  const std::int64_t window_s = std::min(use.window_s, kWindowMaxS);
  const auto reply = co_await redis_->run(fixed_script(), key, use.cost, window_s);
  if (!reply) co_return std::unexpected(reply.error());
  const auto numbers = two_numbers(*reply);
  if (!numbers) co_return std::unexpected(numbers.error());
  const auto [used, left_ms] = *numbers;
  co_return QuotaResult{used <= use.count, use.count - used, static_cast<double>(left_ms) / 1000};
}

std::string RedisQuota::window_key(std::string_view key, std::int64_t window) const {
  return name_ + ":" + std::string(key) + "." + std::to_string(window) + ".counter";
}

// The window before does not change any more: reading it apart keeps the script at one key, which is what a
// cluster allows.
async::Task<base::Result<QuotaResult>> RedisQuota::take_sliding(std::string key, QuotaUse use,
                                                                std::uint64_t now_ms) {
  const WindowPlace place(use.window_s, now_ms);
  client::RedisCommand get("GET");
  get.add_key(window_key(key, place.window - 1));
  const auto before = co_await redis_->call(std::move(get));
  if (!before) co_return std::unexpected(before.error());
  const std::int64_t previous = std::min(before->whole_number().value_or(0), use.count);
  const double carried = static_cast<double>(previous) / static_cast<double>(use.window_s) * place.left_s;
  const std::int64_t lifetime_s = 2 * std::min(use.window_s, kWindowMaxS);
  const auto reply = co_await redis_->run(sliding_script(), window_key(key, place.window), use.cost,
                                          use.count, carried, lifetime_s);
  if (!reply) co_return std::unexpected(reply.error());
  const auto numbers = two_numbers(*reply);
  if (!numbers) co_return std::unexpected(numbers.error());
  co_return sliding_result(use, numbers->first == 1, numbers->second, previous, place.left_s);
}

async::Task<base::Result<QuotaResult>> RedisQuota::add_sliding(std::string key, QuotaUse use,
                                                               std::uint64_t now_ms) {
  const WindowPlace place(use.window_s, now_ms);
  const std::int64_t lifetime_s = 2 * std::min(use.window_s, kWindowMaxS);
  const auto reply =
      co_await redis_->run(fixed_script(), window_key(key, place.window), use.cost, lifetime_s);
  if (!reply) co_return std::unexpected(reply.error());
  const auto numbers = two_numbers(*reply);
  if (!numbers) co_return std::unexpected(numbers.error());
  // It is counted: a failure from here on must not make the caller count it again.
  client::RedisCommand get("GET");
  get.add_key(window_key(key, place.window - 1));
  const auto before = co_await redis_->call(std::move(get));
  if (!before) base::log_error("failed to get the last window count: {}", before.error().what);
  const std::int64_t previous = before ? std::min(before->whole_number().value_or(0), use.count) : 0;
  co_return sliding_result(use, true, numbers->first, previous, place.left_s);
}

}  // namespace apisix::plugins
