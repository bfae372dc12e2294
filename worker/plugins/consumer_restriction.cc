// consumer-restriction: lets requests pass by the name or group of the consumer, or by the id of the route
// or service, and by method.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using Names = std::set<std::string, std::less<>>;

Names names_in(const plugin::Conf& conf, const char* member) {
  const std::vector<std::string> names = conf.list(member);
  return {names.begin(), names.end()};
}

class ConsumerRestriction final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "consumer-restriction", .priority = 2400};

  explicit ConsumerRestriction(const plugin::Conf& conf)
      : type_(conf.text("type")),
        blacklist_(names_in(conf, "blacklist")),
        whitelist_(names_in(conf, "whitelist")),
        rejected_code_(conf.status("rejected_code")),
        rejected_message_(conf.find_text("rejected_msg").value_or("The " + type_ + " is forbidden.")) {
    for (const plugin::Conf& entry : conf.items("allowed_by_methods")) {
      users_.push_back({entry.text("user"), names_in(entry, "methods")});
    }
  }

  plugin::Step access(plugin::Request& request) override {
    const std::string_view value = value_of(request);
    if (value.empty()) {
      return request.reject_message(
          401, "The request is rejected, please check the " + type_ + " for this request");
    }
    if (!is_allowed(value, request.method()))
      return request.reject_message(rejected_code_, rejected_message_);
    return plugin::pass();
  }

 private:
  struct User {
    std::string name;
    Names methods;
  };

  std::string_view value_of(plugin::Request& request) const {
    if (type_ == "route_id") return request.matched().route_id;
    if (type_ == "service_id") return request.matched().service_id;
    const plugin::Consumer* consumer = request.identity().consumer();
    if (consumer == nullptr) return {};
    return type_ == "consumer_group_id" ? consumer->group_id : consumer->username;
  }

  // Of several entries for a user the first counts.
  bool is_allowed(std::string_view value, std::string_view method) const {
    if (blacklist_.contains(value)) return false;
    if (whitelist_.contains(value)) return true;
    if (!whitelist_.empty()) return false;
    const auto user = std::ranges::find(users_, value, &User::name);
    return user == users_.end() || user->methods.contains(method);
  }

  const std::string type_;
  const Names blacklist_;
  const Names whitelist_;
  const std::uint16_t rejected_code_;
  const std::string rejected_message_;
  std::vector<User> users_;
};

}  // namespace

const plugin::PluginKind& consumer_restriction = plugin::define<ConsumerRestriction>();

}  // namespace apisix::plugins
