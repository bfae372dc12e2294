// Counters of a quota (so many in a window of time): the result of one, the local ones in shared
// memory, and those in redis. Windows are fixed (from a key's first request on) or sliding (the window before
// counts for the part of it that is still covered).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/async/task.h"
#include "shared/base/clock.h"
#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/client/redis_service.h"
#include "shared/memory/dictionary.h"
#include "shared/memory/window_table.h"

namespace apisix::plugins {

// What is asked of a counter.
struct QuotaUse {
  std::int64_t cost = 1;  // 0: only look
  std::int64_t count = 0;
  std::int64_t window_s = 0;
};

struct QuotaResult {
  bool is_granted = false;
  std::int64_t remaining = 0;
  double reset_s = 0;
};

// Both kinds of window over the counters of one window before and the running one.
QuotaResult sliding_result(const QuotaUse& use, bool is_granted, std::int64_t current, std::int64_t previous,
                           double left_s);

// Exact over all workers of this machine. Never fails.
class LocalQuota {
 public:
  LocalQuota(memory::Dictionary& fixed, memory::WindowTable& sliding, bool is_sliding)
      : fixed_(fixed), sliding_(sliding), is_sliding_(is_sliding) {}

  QuotaResult take(std::string_view key, const QuotaUse& use, const base::Clock& clock);

 private:
  memory::Dictionary& fixed_;
  memory::WindowTable& sliding_;
  const bool is_sliding_;
};

// Exact over all who share the redis.
class RedisQuota {
 public:
  // `plugin_name` keeps plugins apart that share a key.
  RedisQuota(base::Ref<client::RedisService> redis, std::string_view plugin_name, bool is_sliding)
      : redis_(std::move(redis)), name_("plugin-" + std::string(plugin_name)), is_sliding_(is_sliding) {}

  async::Task<base::Result<QuotaResult>> take(std::string_view key, QuotaUse use, const base::Clock& clock);
  // Counts whatever the limit is: what was granted already.
  async::Task<base::Result<QuotaResult>> add(std::string_view key, QuotaUse use, const base::Clock& clock);

 private:
  async::Task<base::Result<QuotaResult>> take_fixed(std::string key, QuotaUse use);
  async::Task<base::Result<QuotaResult>> take_sliding(std::string key, QuotaUse use, std::uint64_t now_ms);
  async::Task<base::Result<QuotaResult>> add_sliding(std::string key, QuotaUse use, std::uint64_t now_ms);
  std::string window_key(std::string_view key, std::int64_t window) const;

  base::Ref<client::RedisService> redis_;
  std::string name_;
  const bool is_sliding_;
};

}  // namespace apisix::plugins
