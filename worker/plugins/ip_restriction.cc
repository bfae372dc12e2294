// ip-restriction: lets only listed client addresses pass, or all but the listed ones.
#include <string>

#include "shared/base/cidr_set.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

class IpRestriction final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "ip-restriction", .priority = 3000};

  // The schema's patterns let some addresses pass that are none.
  static base::Status check(const plugin::Conf& conf) {
    base::CidrSet unused;
    for (const char* list : {"whitelist", "blacklist"}) {
      for (const std::string& network : conf.list(list)) {
        if (auto status = unused.add(network); !status) return status;
      }
    }
    return {};
  }

  explicit IpRestriction(const plugin::Conf& conf)
      : allows_(conf.has("whitelist")),
        status_(conf.number<std::uint16_t>("response_code", 403, 404)),
        message_(conf.text("message")) {
    for (const std::string& network : conf.list(allows_ ? "whitelist" : "blacklist")) {
      static_cast<void>(networks_.add(network));  // valid: check()
    }
  }

  plugin::Step access(plugin::Request& request) override {
    if (networks_.contains(request.client().ip()) == allows_) return plugin::pass();
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
