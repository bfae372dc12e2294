#include "worker/plugins/limit/quota_limit.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "shared/format/read.h"
#include "worker/plugin/request_log.h"
#include "worker/plugins/limit/quota_group.h"
#include "worker/plugins/limit/redis_policy.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

constexpr double kSyncSecondsMax = 86'400;  // a day stands for no limit

bool is_remote(const Json& conf) {
  const Json& policy = find_member(conf, "policy");
  return policy.isString() && format::string_of(policy) != "local";
}

bool is_sliding(const Json& conf) {
  const Json& type = find_member(conf, "window_type");
  return type.isString() && format::string_of(type) == "sliding";
}

std::string header_in(const Json& metadata, const char* name, const char* otherwise) {
  const Json& header = find_member(metadata, name);
  return header.isString() ? format::string_of(header) : otherwise;
}

CounterName counter_name(const plugin::Conf& conf, const plugin::BuildContext& context) {
  const auto group = conf.find_text("group");
  return group ? CounterName(*group) : CounterName(conf.json(), context);
}

// X-RateLimit-Limit with the prefix of a rule: X-<prefix>-RateLimit-Limit.
plugin::FieldName with_prefix(std::string name, const std::string& prefix) {
  static constexpr std::string_view kPlace = "RateLimit-";
  if (const auto at = name.find(kPlace); at != std::string::npos && !prefix.empty()) {
    name.insert(at, prefix + "-");
  }
  return plugin::FieldName(name);
}

using NumberText = std::array<char, 24>;

// At most two decimals, none that say nothing: "60", "59.9", "0.05".
std::string_view write_seconds(double seconds, NumberText& text) {
  // Cut off, which for a number that is not negative is rounding down.
  const auto hundredths = static_cast<std::uint64_t>(std::clamp(seconds, 0.0, 1e15) * 100 + 1e-6);
  char* at = std::to_chars(text.data(), text.data() + 20, hundredths / 100).ptr;
  if (const auto rest = static_cast<unsigned>(hundredths % 100); rest != 0) {
    *at++ = '.';
    *at++ = static_cast<char>('0' + rest / 10);
    if (rest % 10 != 0) *at++ = static_cast<char>('0' + rest % 10);
  }
  return {text.data(), at};
}

std::string_view write_number(std::int64_t number, NumberText& text) {
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

}  // namespace

bool QuotaLimit::has_both_forms(const Json& conf) {
  return !find_member(conf, "rules").isNull() &&
         (!find_member(conf, "count").isNull() || !find_member(conf, "time_window").isNull());
}

base::Status QuotaLimit::check(Json& conf) {
  const bool has_rules = find_member(conf, "rules").isArray();
  const bool has_group = find_member(conf, "group").isString();
  if (has_both_forms(conf)) return base::invalid(kBothForms);
  if (has_rules && has_group) return base::invalid("group and rules cannot be specified at the same time");
  if (has_group && !find_member(conf, "_vid").isNull()) return base::invalid("group is not supported");
  const Json& interval = find_member(conf, "sync_interval");
  if (is_remote(conf) && interval.isNumeric() && format::number_of(interval) != -1) {
    if (format::number_of(interval) < 0.1)
      return base::invalid("sync_interval should not be smaller than 0.1");
    const Json& window = find_member(conf, "time_window");
    if (window.isNumeric() && format::number_of(interval) >= format::number_of(window)) {
      return base::invalid("sync_interval should be smaller than time_window");
    }
  }
  std::set<std::string> keys;
  for (const Json& rule : find_member(conf, "rules")) {
    const std::string key = format::string_of(find_member(rule, "key"));
    if (!keys.insert(key).second) return base::invalid("duplicate key '" + key + "' in rules");
  }
  QuotaGroups::remember(conf);
  return {};
}

base::Status QuotaLimit::check_group(const Json& conf) {
  return QuotaGroups::check(conf);
}

base::Result<std::unique_ptr<QuotaLimit>> QuotaLimit::make(const plugin::Conf& conf,
                                                           const plugin::BuildContext& context,
                                                           const Counters& counters) {
  std::unique_ptr<QuotaLimit> limit(new QuotaLimit(conf, context, counters));
  if (auto status = limit->connect(conf, counters); !status) return std::unexpected(status.error());
  return limit;
}

QuotaLimit::QuotaLimit(const plugin::Conf& conf, const plugin::BuildContext& context,
                       const Counters& counters)
    : Limiter(conf, counter_name(conf, context)),
      deps_(context.deps),
      plugin_(context.plugin),
      local_(counters.fixed, counters.sliding, is_sliding(conf.json())),
      own_headers_{conf.find_text("limit_header").value_or(""),
                   conf.find_text("remaining_header").value_or(""),
                   conf.find_text("reset_header").value_or("")},
      shows_headers_(conf.flag("show_limit_quota_header")) {
  if (!conf.has("rules")) add_rule(conf, 0);
  for (const plugin::Conf& rule : conf.items("rules")) add_rule(rule, rules_.size() + 1);
}

// `index`: from 1 on; 0: the only one, which the configuration is itself.
void QuotaLimit::add_rule(const plugin::Conf& conf, std::size_t index) {
  rules_.push_back({RuleKey(conf, index == 0), LimitNumber(conf.json("count")),
                    LimitNumber(conf.json("time_window")),
                    index == 0 ? "" : conf.find_text("header_prefix").value_or(std::to_string(index))});
}

base::Status QuotaLimit::connect(const plugin::Conf& conf, const Counters& counters) {
  auto service = redis_of(conf.json(), deps_);
  if (!service) return std::unexpected(service.error());
  if (!*service) return {};
  redis_ = std::make_unique<RedisQuota>(*service, plugin_, is_sliding(conf.json()));
  const Json& interval = conf.json("sync_interval");
  if (!interval.isNumeric() || format::number_of(interval) <= 0) return {};
  sync_interval_s_ = std::min(format::number_of(interval), kSyncSecondsMax);
  sync_ = base::Ref<QuotaSync>(new QuotaSync(deps_, counters.fixed, *redis_, local_,
                                             static_cast<std::uint64_t>(sync_interval_s_ * 1000)));
  return {};
}

// ---- what the rules are for one request

base::Result<bool> QuotaLimit::apply(Rule& rule, plugin::Request& request, std::int64_t cost,
                                     Applied& applied) const {
  const auto key = rule.key.of(request);
  if (!key) return false;
  // It applies: a bound that is none must not turn the limit off.
  const auto count = rule.count.of(request);
  if (!count) return std::unexpected(count.error());
  const auto window_s = rule.window.of(request);
  if (!window_s) return std::unexpected(window_s.error());
  applied = {&rule, counter_of(*key, request), {cost, *count, *window_s}};
  return true;
}

base::Result<std::size_t> QuotaLimit::apply_all(plugin::Request& request, std::int64_t cost,
                                                Applied* applied) {
  std::size_t count = 0;
  for (Rule& rule : rules_) {
    const auto applies = apply(rule, request, cost, applied[count]);
    if (!applies) return std::unexpected(applies.error());
    if (*applies) ++count;
  }
  if (count == 0) return base::invalid("no rule applies");
  return count;
}

plugin::Step QuotaLimit::limit(plugin::Request& request, std::int64_t cost) {
  auto* applied =
      static_cast<Applied*>(request.arena().allocate(sizeof(Applied) * rules_.size(), alignof(Applied)));
  std::uninitialized_default_construct_n(applied, rules_.size());
  const auto count = apply_all(request, cost, applied);
  if (!count) {
    plugin::log_error(request, "failed to get rate limit rules: {}", count.error().what);
    return degrade(request);
  }
  if (redis_ != nullptr) return limit_by_redis(request, applied, *count);
  for (std::size_t i = 0; i < *count; ++i) {
    const QuotaResult result = local_.take(applied[i].key, applied[i].use, request.clock());
    if (apply_result(request, applied[i], result) == plugin::Outcome::kRespond)
      return plugin::Outcome::kRespond;
  }
  return plugin::pass();
}

plugin::Step QuotaLimit::limit_by_redis(plugin::Request& request, const Applied* applied, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto result = co_await ask(applied[i], request.clock());
    // The next rule would wait as long for the same redis.
    if (!result) co_return fail(request, result.error().what);
    if (apply_result(request, applied[i], *result) == plugin::Outcome::kRespond)
      co_return plugin::Outcome::kRespond;
  }
  co_return plugin::Outcome::kPass;
}

async::Task<base::Result<QuotaResult>> QuotaLimit::ask(const Applied& applied, const base::Clock& clock) {
  // A window that is over before the next sync cannot be counted by it.
  if (!sync_ || static_cast<double>(applied.use.window_s) <= sync_interval_s_) {
    co_return co_await redis_->take(applied.key, applied.use, clock);
  }
  co_return co_await sync_->take(std::string(applied.key), applied.use);
}

// ---- what the client gets

plugin::Outcome QuotaLimit::apply_result(plugin::Request& request, const Applied& applied,
                                         const QuotaResult& result) {
  const std::int64_t remaining = result.is_granted ? result.remaining : 0;
  auto* info = request.arena().make<plugin::RateLimitingInfo>();
  *info = {applied.key, applied.use.count, remaining, static_cast<std::int64_t>(result.reset_s)};
  request.set_rate_limiting(*info);
  if (shows_headers_) set_headers(request, applied, remaining, result.reset_s);
  return result.is_granted ? plugin::Outcome::kPass : reject(request);
}

void QuotaLimit::set_headers(plugin::Request& request, const Applied& applied, std::int64_t remaining,
                             double reset_s) {
  read_header_names();
  const Names<plugin::FieldName>& names = applied.rule->headers;
  plugin::Response response = request.response();
  NumberText text;
  response.set_valid_header(names.limit, write_number(applied.use.count, text));
  response.set_valid_header(names.remaining, write_number(remaining, text));
  response.set_valid_header(names.reset, write_seconds(reset_s, text));
}

// Names are the metadata's, which may change at any time.
void QuotaLimit::read_header_names() {
  const auto metadata = deps_.directory.metadata(plugin_);
  const std::uint64_t version = metadata ? metadata->version : 0;
  if (headers_version_ == version) return;
  headers_version_ = version;
  const Json& names = metadata ? metadata->value : Json::nullSingleton();
  const auto name_of = [&names](const std::string& own, const char* member, const char* otherwise) {
    return own.empty() ? header_in(names, member, otherwise) : own;
  };
  const Names<std::string> all{name_of(own_headers_.limit, "limit_header", "X-RateLimit-Limit"),
                               name_of(own_headers_.remaining, "remaining_header", "X-RateLimit-Remaining"),
                               name_of(own_headers_.reset, "reset_header", "X-RateLimit-Reset")};
  for (Rule& rule : rules_) {
    rule.headers = {with_prefix(all.limit, rule.header_prefix),
                    with_prefix(all.remaining, rule.header_prefix),
                    with_prefix(all.reset, rule.header_prefix)};
  }
}

plugin::Outcome QuotaLimit::fail(plugin::Request& request, std::string_view what) {
  plugin::log_error(request, "failed to limit count: {}", what);
  if (allows_degradation()) return plugin::Outcome::kPass;
  return request.reject(500, "{\"error_msg\":\"failed to limit count\"}\n");
}

}  // namespace apisix::plugins
