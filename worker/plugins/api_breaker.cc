// api-breaker: an API (host and path) whose upstream fails again and again is not asked for a while: 2
// seconds after the first `failures` failures, then 4, 8 ... up to max_breaker_sec. All workers of the
// machine share the counts.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/format/read.h"
#include "shared/memory/zones.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"
#include "worker/plugin/template.h"

namespace apisix::plugins {
namespace {

using std::string_view_literals::operator""sv;

// It doubles 40 times at most: 2^40 s.
constexpr std::int64_t kOpenSecondsMax = std::int64_t{1} << 40;

std::vector<std::uint16_t> statuses_of(const plugin::Conf& conf) {
  std::vector<std::uint16_t> out;
  for (const format::Json& status : conf.json("http_statuses")) {
    out.push_back(format::clamped<std::uint16_t>(status));
  }
  return out;
}

class ApiBreaker final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "api-breaker", .priority = 1005};

  ApiBreaker(const plugin::Conf& conf, const plugin::BuildContext& context)
      : counts_(context.deps.zones->api_breaker),
        code_(conf.number<std::uint16_t>("break_response_code", 200, 599)),
        body_(conf.find_text("break_response_body")),
        max_open_s_(conf.number<std::int64_t>("max_breaker_sec", 3, kOpenSecondsMax)),
        failures_(conf.member("unhealthy").number<std::int64_t>("failures", 1)),
        successes_(conf.member("healthy").number<std::int64_t>("successes", 1)),
        bad_(statuses_of(conf.member("unhealthy"))),
        good_(statuses_of(conf.member("healthy"))) {
    for (const plugin::Conf& header : conf.items("break_response_headers")) {
      headers_.emplace_back(header.text("key"), plugin::Template(header.text("value")));
    }
  }

  plugin::Step access(plugin::Request& request) override {
    const std::uint64_t now_ms = request.clock().monotonic_ms();
    const auto failed = counts_.get(key(request, "unhealthy-"sv), now_ms);
    if (!failed) return plugin::pass();
    const auto since_s = counts_.get(key(request, "unhealthy-lasttime"sv), now_ms);
    if (!since_s || since_s->value + open_s(failed->value) < request.clock().wall_seconds()) {
      return plugin::pass();
    }
    if (!body_) return request.reject_page(code_);
    for (const auto& [name, value] : headers_) request.response().add_header(name, value.expand(request));
    return request.reject(code_, *body_);
  }

  void log(plugin::Request& request) override {
    const plugin::Attempt* attempt = request.upstream().last_attempt();
    if (attempt == nullptr || attempt->status == 0) return;
    const auto is_in = [attempt](const auto& statuses) {
      return std::ranges::find(statuses, attempt->status) != statuses.end();
    };
    if (is_in(bad_)) return note_failure(request);
    if (is_in(good_)) note_success(request);
  }

 private:
  static std::string_view key(plugin::Request& request, std::string_view what) {
    return request.arena().concat(what, request.host(), request.path());
  }

  // How long it stays open after so many failures.
  std::int64_t open_s(std::int64_t failed) const {
    const std::int64_t times = std::clamp<std::int64_t>(failed / failures_, 1, 40);
    return std::min(std::int64_t{1} << times, max_open_s_);
  }

  void note_failure(plugin::Request& request) {
    const std::uint64_t now_ms = request.clock().monotonic_ms();
    const auto failed = counts_.incr(key(request, "unhealthy-"sv), 1, {}, now_ms);
    counts_.remove(key(request, "healthy-"sv), now_ms);
    if (failed.value % failures_ != 0) return;
    counts_.set(key(request, "unhealthy-lasttime"sv), request.clock().wall_seconds(),
                static_cast<std::uint64_t>(max_open_s_) * 1000, now_ms);
    plugin::log_info(request, "update unhealthy_key: {} to {}", key(request, "unhealthy-"sv), failed.value);
  }

  void note_success(plugin::Request& request) {
    const std::uint64_t now_ms = request.clock().monotonic_ms();
    if (!counts_.get(key(request, "unhealthy-"sv), now_ms)) return;
    const auto succeeded = counts_.incr(key(request, "healthy-"sv), 1, {}, now_ms);
    if (succeeded.value < successes_) return;
    plugin::log_info(request, "change to normal, {} {}", key(request, "healthy-"sv), succeeded.value);
    for (const std::string_view what : {"unhealthy-lasttime"sv, "unhealthy-"sv, "healthy-"sv}) {
      counts_.remove(key(request, what), now_ms);
    }
  }

  memory::Dictionary& counts_;
  const std::uint16_t code_;
  const std::optional<std::string> body_;  // none: the error page
  std::vector<std::pair<std::string, plugin::Template>> headers_;
  const std::int64_t max_open_s_;
  const std::int64_t failures_;
  const std::int64_t successes_;
  const std::vector<std::uint16_t> bad_;
  const std::vector<std::uint16_t> good_;
};

}  // namespace

const plugin::PluginKind& api_breaker = plugin::define<ApiBreaker>();

}  // namespace apisix::plugins
