// QuotaLimit: so many requests (or so much cost) in a window of time, as limit-count defines it. Plugins that
// limit by count share it: each has one per configuration. The counters are of shared memory or of a redis.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/plugin/field_name.h"
#include "worker/plugin/plugin.h"
#include "worker/plugins/limit/limit_number.h"
#include "worker/plugins/limit/limiter.h"
#include "worker/plugins/limit/quota_counter.h"
#include "worker/plugins/limit/quota_sync.h"

namespace apisix::plugins {

class QuotaLimit final : private Limiter {
 public:
  struct Counters {
    memory::Dictionary& fixed;
    memory::WindowTable& sliding;
  };

  // One quota, and rules: it is either.
  static constexpr const char* kBothForms =
      "count/time_window and rules cannot be specified at the same time";
  static bool has_both_forms(const format::Json& conf);
  // What the schema cannot tell.
  static base::Status check(format::Json& conf);
  // Only of what is being written: all members of a group are configured alike.
  static base::Status check_group(const format::Json& conf);
  static base::Result<std::unique_ptr<QuotaLimit>> make(const plugin::Conf& conf,
                                                        const plugin::BuildContext& context,
                                                        const Counters& counters);

  // Counts, and rejects the request when the quota is used up. Sets the headers with the remaining quota.
  plugin::Step limit(plugin::Request& request, std::int64_t cost = 1);

 private:
  template <typename Name>
  struct Names {
    Name limit;
    Name remaining;
    Name reset;
  };
  struct Rule {
    RuleKey key;
    LimitNumber count;
    LimitNumber window;
    std::string header_prefix;  // empty: none
    Names<plugin::FieldName> headers = {};
  };
  // A rule as it is for one request.
  struct Applied {
    Rule* rule = nullptr;
    std::string_view key;  // of the counter
    QuotaUse use;
  };

  QuotaLimit(const plugin::Conf& conf, const plugin::BuildContext& context, const Counters& counters);
  void add_rule(const plugin::Conf& conf, std::size_t index);
  base::Status connect(const plugin::Conf& conf, const Counters& counters);

  // False: it does not apply.
  base::Result<bool> apply(Rule& rule, plugin::Request& request, std::int64_t cost, Applied& applied) const;
  base::Result<std::size_t> apply_all(plugin::Request& request, std::int64_t cost, Applied* applied);
  plugin::Step limit_by_redis(plugin::Request& request, const Applied* applied, std::size_t count);
  async::Task<base::Result<QuotaResult>> ask(const Applied& applied, const base::Clock& clock);
  plugin::Outcome apply_result(plugin::Request& request, const Applied& applied, const QuotaResult& result);
  plugin::Outcome fail(plugin::Request& request, std::string_view what);

  void set_headers(plugin::Request& request, const Applied& applied, std::int64_t remaining, double reset_s);
  void read_header_names();

  plugin::Deps& deps_;
  const std::string plugin_;
  std::vector<Rule> rules_;
  LocalQuota local_;
  std::unique_ptr<RedisQuota> redis_;
  base::Ref<QuotaSync> sync_;
  double sync_interval_s_ = -1;
  Names<std::string> own_headers_;  // of the configuration; empty: the metadata's
  std::optional<std::uint64_t> headers_version_;
  const bool shows_headers_;
};

}  // namespace apisix::plugins
