// uri-blocker: rejects a request whose target (path and query, normalised) matches one of the configured
// patterns.
#include "shared/base/log.h"
#include "shared/format/regex.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/rejection.h"

namespace apisix::plugins {
namespace {

class UriBlocker final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "uri-blocker", .priority = 2900};

  static base::Status check(const plugin::Conf& conf) { return conf.check_regexes("block_rules"); }

  explicit UriBlocker(const plugin::Conf& conf)
      : rules_(conf.regexes("block_rules", {.caseless = conf.flag("case_insensitive")})), rejection_(conf) {}

  plugin::Step rewrite(plugin::Request& request) override {
    const format::Match match = rules_.match(request.target(), request.regex_budget());
    if (match == format::Match::kNo) return plugin::pass();
    // Rules that ran out of their budget have not decided: the target may be what they are to stop.
    if (match == format::Match::kGaveUp) base::log_warn("uri-blocker: the rules gave up: blocked");
    return rejection_.of(request);
  }

 private:
  const format::LazyRegex rules_;
  const plugin::Rejection rejection_;
};

}  // namespace

const plugin::PluginKind& uri_blocker = plugin::define<UriBlocker>();

}  // namespace apisix::plugins
