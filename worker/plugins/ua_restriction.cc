// ua-restriction: lets only requests pass whose User-Agent matches a pattern, or none of them.
#include <string>
#include <utility>
#include <vector>

#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/format/regex.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using format::Match;

class UaRestriction final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "ua-restriction", .priority = 2999};

  static base::Status check(const plugin::Conf& conf) {
    const auto status = conf.check_regexes("allowlist");
    return status ? conf.check_regexes("denylist") : status;
  }

  explicit UaRestriction(const plugin::Conf& conf)
      : allows_(conf.has("allowlist")),
        bypass_missing_(conf.flag("bypass_missing")),
        message_(conf.text("message")) {
    for (std::string& rule : conf.list(allows_ ? "allowlist" : "denylist"))
      rules_.emplace_back(std::move(rule));
  }

  // With several User-Agent fields one that is listed decides.
  plugin::Step access(plugin::Request& request) override {
    bool any = false;
    Match listed = Match::kNo;
    for (const http::HeaderField& field : request.headers().all()) {
      if (field.id != http::KnownHeader::kUserAgent) continue;
      any = true;
      listed = find_listed(base::trim(field.value), request.regex_budget());
      if (listed != Match::kNo) break;
    }
    // What was not decided is blocked, by an allowlist and by a denylist.
    if (listed == Match::kGaveUp) base::log_warn("ua-restriction: the rules gave up: blocked");
    const bool passes = any ? listed == (allows_ ? Match::kYes : Match::kNo) : bypass_missing_;
    if (passes) return plugin::pass();
    return request.reject_message(403, message_);
  }

 private:
  Match find_listed(std::string_view agent, format::RegexBudget& budget) const {
    for (const format::LazyRegex& rule : rules_) {
      if (const Match match = rule.match(agent, budget); match != Match::kNo) return match;
    }
    return Match::kNo;
  }

  std::vector<format::LazyRegex> rules_;
  const bool allows_;
  const bool bypass_missing_;
  const std::string message_;
};

}  // namespace

const plugin::PluginKind& ua_restriction = plugin::define<UaRestriction>();

}  // namespace apisix::plugins
