// referer-restriction: lets only requests pass whose Referer names a listed host, or all but those.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "shared/base/ip.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/http/uri.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

// A host in one spelling: lower case, IPv6 addresses in their shortest form, no dot at the end.
std::string canonical(std::string_view host) {
  if (host.find(':') != std::string_view::npos) {
    if (const auto ip = base::IpAddress::parse(host)) return ip->to_string();
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return base::to_lower(host);
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
        suffixes_.push_back(canonical(std::string_view(text).substr(1)));
      } else {
        hosts_.insert(canonical(text));
      }
    }
  }

  plugin::Step access(plugin::Request& request) override {
    const auto host = http::find_uri_host(request.head->headers.value(http::KnownHeader::kReferer));
    const bool passes = host ? is_listed(canonical(*host)) == allows_ : bypass_missing_;
    if (passes) return plugin::pass();
    return request.reject_message(403, message_);
  }

 private:
  bool is_listed(const std::string& host) const {
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

const plugin::PluginKind& referer_restriction = plugin::define<RefererRestriction>();

}  // namespace apisix::plugins
