// uri-blocker: rejects a request whose target (path and query, normalised) matches one of the configured
// patterns.
#include <string>

#include "shared/base/log.h"
#include "shared/format/read.h"
#include "shared/format/regex.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/variables.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

class UriBlocker final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "uri-blocker", .priority = 2900};

  static base::Status check(Json& conf, plugin::ConfScope) {
    for (const Json& rule : find_member(conf, "block_rules")) {
      if (auto regex = format::Regex::compile(format::string_of(rule)); !regex)
        return std::unexpected(regex.error());
    }
    return {};
  }

  explicit UriBlocker(const Json& conf)
      : rules_(join(conf), {.caseless = format::is_true(find_member(conf, "case_insensitive"))}),
        rejected_code_(format::clamped<std::uint16_t>(find_member(conf, "rejected_code"), 200, 999)) {
    if (const Json& message = find_member(conf, "rejected_msg"); message.isString()) {
      rejected_body_ = Json(::Json::objectValue);
      rejected_body_["error_msg"] = message;
    }
  }

  plugin::Step rewrite(plugin::Request& request) override {
    plugin::Variables variables(request);
    static const auto kRequestUri = route::VariableName::parse("request_uri");
    const format::Regex* rules = rules_.get();
    if (rules == nullptr) return plugin::pass();
    const format::Match match = rules->match(variables.read(kRequestUri).value_or(""), request.regex_budget);
    if (match == format::Match::kNo) return plugin::pass();
    // What the rules say of it is not known: it might be what they are there to stop.
    if (match == format::Match::kGaveUp) base::log_warn("uri-blocker: the rules gave up: blocked");
    if (rejected_body_.isNull()) return request.reject_page(rejected_code_);
    return request.reject_json(rejected_code_, rejected_body_);
  }

 private:
  static std::string join(const Json& conf) {
    std::string all;
    for (const Json& rule : find_member(conf, "block_rules"))
      all += (all.empty() ? "" : "|") + format::string_of(rule);
    return all;
  }

  const format::LazyRegex rules_;
  const std::uint16_t rejected_code_;
  Json rejected_body_;
};

}  // namespace

const plugin::PluginKind& uri_blocker = plugin::define<UriBlocker>();

}  // namespace apisix::plugins
