// referer-restriction: lets only requests pass whose Referer names a listed host, or all but those.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "shared/format/read.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

// The host of an absolute http URI; empty when it is none.
std::string_view host_of(std::string_view uri) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!uri.starts_with(scheme)) continue;
    const std::string_view authority = uri.substr(scheme.size());
    return authority.substr(0, authority.find_first_of(":/?#"));
  }
  return {};
}

class RefererRestriction final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "referer-restriction", .priority = 2990};

  explicit RefererRestriction(const Json& conf)
      : allows_(find_member(conf, "whitelist").isArray()),
        bypass_missing_(format::is_true(find_member(conf, "bypass_missing"))),
        message_(format::string_of(find_member(conf, "message"))) {
    for (const Json& host : find_member(conf, allows_ ? "whitelist" : "blacklist")) {
      const std::string text = format::string_of(host);
      if (text.starts_with('*')) {
        suffixes_.push_back(text.substr(1));
      } else {
        hosts_.insert(text);
      }
    }
  }

  plugin::Step access(plugin::Request& request) override {
    const std::string_view host = host_of(request.head->headers.value(http::KnownHeader::kReferer));
    const bool passes = host.empty() ? bypass_missing_ : is_listed(host) == allows_;
    if (passes) return plugin::pass();
    return request.reject_message(403, message_);
  }

 private:
  bool is_listed(std::string_view host) const {
    return hosts_.contains(host) || std::ranges::any_of(suffixes_, [host](const std::string& suffix) {
             return host.ends_with(suffix);
           });
  }

  std::set<std::string, std::less<>> hosts_;
  std::vector<std::string> suffixes_;
  const bool allows_;
  const bool bypass_missing_;
  const std::string message_;
};

}  // namespace

extern const plugin::PluginDef referer_restriction = plugin::define<RefererRestriction>();

}  // namespace apisix::plugins
