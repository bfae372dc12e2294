// ip-restriction: lets only listed client addresses pass, or all but the listed ones: requests, and sessions
// of TCP and UDP routes.
#include <string>

#include "shared/base/cidr_set.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/stream_plugin.h"

namespace apisix::plugins {
namespace {

class IpRules {
 public:
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

  explicit IpRules(const plugin::Conf& conf)
      : allows_(conf.has("whitelist")), status_(conf.number<std::uint16_t>("response_code", 403, 404)) {
    for (const std::string& network : conf.list(allows_ ? "whitelist" : "blacklist")) {
      static_cast<void>(networks_.add(network));  // valid: check()
    }
  }

  bool let_pass(const base::IpAddress& client) const { return networks_.contains(client) == allows_; }
  std::uint16_t rejected_status() const { return status_; }

 private:
  base::CidrSet networks_;
  const bool allows_;
  const std::uint16_t status_;
};

class IpRestriction final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "ip-restriction", .priority = 3000};

  static base::Status check(const plugin::Conf& conf) { return IpRules::check(conf); }

  explicit IpRestriction(const plugin::Conf& conf) : rules_(conf), message_(conf.text("message")) {}

  plugin::Step access(plugin::Request& request) override {
    if (rules_.let_pass(request.client().ip())) return plugin::pass();
    return request.reject_message(rules_.rejected_status(), message_);
  }

 private:
  const IpRules rules_;
  const std::string message_;
};

class SessionIpRestriction final : public plugin::StreamPlugin {
 public:
  explicit SessionIpRestriction(const plugin::Conf& conf) : rules_(conf) {}

  plugin::Step preread(plugin::StreamSession& session) override {
    return rules_.let_pass(session.client.ip) ? plugin::pass() : session.refuse(rules_.rejected_status());
  }

 private:
  const IpRules rules_;
};

}  // namespace

const plugin::PluginKind& ip_restriction = plugin::define<IpRestriction, SessionIpRestriction>();

}  // namespace apisix::plugins
