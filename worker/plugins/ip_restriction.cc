// ip-restriction: lets only listed client addresses pass, or all but the listed ones.
#include <string>

#include "shared/base/cidr_set.h"
#include "shared/format/read.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

class IpRestriction final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "ip-restriction", .priority = 3000};

  // The schema's patterns let some addresses pass that are none.
  static base::Status check(Json& conf, plugin::ConfScope) {
    base::CidrSet unused;
    for (const char* list : {"whitelist", "blacklist"}) {
      for (const Json& network : find_member(conf, list)) {
        if (auto status = unused.add(format::string_of(network)); !status) return status;
      }
    }
    return {};
  }

  explicit IpRestriction(const Json& conf)
      : allows_(find_member(conf, "whitelist").isArray()),
        status_(format::clamped<std::uint16_t>(find_member(conf, "response_code"), 403, 404)),
        message_(format::string_of(find_member(conf, "message"))) {
    for (const Json& network : find_member(conf, allows_ ? "whitelist" : "blacklist")) {
      static_cast<void>(networks_.add(format::string_of(network)));  // valid: check()
    }
  }

  plugin::Step access(plugin::Request& request) override {
    if (networks_.contains(request.remote_ip) == allows_) return plugin::pass();
    return request.reject_message(status_, message_);
  }

 private:
  base::CidrSet networks_;
  const bool allows_;
  const std::uint16_t status_;
  const std::string message_;
};

}  // namespace

const plugin::PluginKind& ip_restriction = plugin::define<IpRestriction>();

}  // namespace apisix::plugins
