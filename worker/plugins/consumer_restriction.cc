// consumer-restriction: lets requests pass by the name or group of the consumer, or by the id of the route
// or service, and by method.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/format/read.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

using Names = std::set<std::string, std::less<>>;

Names names_of(const Json& array) {
  Names names;
  for (const Json& name : array) names.insert(format::string_of(name));
  return names;
}

class ConsumerRestriction final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "consumer-restriction", .priority = 2400};

  explicit ConsumerRestriction(const Json& conf)
      : type_(format::string_of(find_member(conf, "type"))),
        blacklist_(names_of(find_member(conf, "blacklist"))),
        whitelist_(names_of(find_member(conf, "whitelist"))),
        rejected_code_(format::clamped<std::uint16_t>(find_member(conf, "rejected_code"), 200, 999)),
        rejected_message_(find_member(conf, "rejected_msg").isString()
                              ? format::string_of(find_member(conf, "rejected_msg"))
                              : "The " + type_ + " is forbidden.") {
    for (const Json& entry : find_member(conf, "allowed_by_methods")) {
      users_.push_back(
          {format::string_of(find_member(entry, "user")), names_of(find_member(entry, "methods"))});
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

  std::string_view value_of(const plugin::Request& request) const {
    if (type_ == "route_id") return request.matched.route_id;
    if (type_ == "service_id") return request.matched.service_id;
    if (!request.consumer) return {};
    return type_ == "consumer_group_id" ? request.consumer->group_id : request.consumer->username;
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
