// referer-restriction: lets only requests pass whose Referer names a listed host, or all but those.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "shared/base/ip.h"
#include "shared/base/text.h"
#include "shared/http/uri.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

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

  explicit RefererRestriction(const plugin::Conf& conf)
      : allows_(conf.has("whitelist")),
        bypass_missing_(conf.flag("bypass_missing")),
        message_(conf.text("message")) {
    for (const std::string& host : conf.list(allows_ ? "whitelist" : "blacklist")) {
      if (host.starts_with('*')) {
        suffixes_.push_back(canonical(std::string_view(host).substr(1)));
      } else {
        hosts_.insert(canonical(host));
      }
    }
  }

  plugin::Step access(plugin::Request& request) override {
    const auto host = http::find_uri_host(request.headers().value(http::KnownHeader::kReferer));
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
