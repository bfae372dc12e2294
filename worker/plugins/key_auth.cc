// key-auth: identifies the consumer by a key in a header field or a query argument.
#include <string>

#include "shared/base/log.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

class KeyAuth final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{
      .name = "key-auth", .priority = 2500, .is_auth = true, .consumer_key = "key"};

  KeyAuth(const Json& conf, const plugin::BuildContext& context)
      : consumers_(context.world.consumers),
        header_(find_member(conf, "header").asString()),
        query_(find_member(conf, "query").asString()),
        challenge_("apikey realm=\"" + find_member(conf, "realm").asString() + "\""),
        anonymous_consumer_(find_member(conf, "anonymous_consumer").asString()),
        hide_credentials_(find_member(conf, "hide_credentials").asBool()) {}

  plugin::Step rewrite(plugin::Request& request) override {
    const http::HeaderField* field = request.head->headers.find(header_);
    const auto key = field != nullptr ? std::optional(request.header(header_)) : request.arg(query_);
    if (!key) return refuse(request, "Missing API key in request");
    const auto auth = consumers_.find(kInfo.name, *key);
    if (!auth) {
      base::log_warn("failed to find consumer: {}",
                     consumers_.has_any(kInfo.name) ? "invalid api key" : "Missing related consumer");
      return refuse(request, "Invalid API key in request");
    }
    if (hide_credentials_ && field != nullptr) {
      request.remove_header(header_);
    } else if (hide_credentials_) {
      request.remove_arg(query_);
    }
    request.attach_consumer(auth);
    return plugin::pass();
  }

 private:
  plugin::Step refuse(plugin::Request& request, std::string_view message) {
    if (anonymous_consumer_.empty()) return challenge(request, message);
    if (hide_credentials_) {
      request.remove_header(header_);
      request.remove_arg(query_);
    }
    const auto anonymous = consumers_.find_by_name(anonymous_consumer_);
    if (!anonymous) {
      base::log_error(
          "key-auth failed to authenticate the request, code: 401. error: failed to get anonymous consumer "
          "{}",
          anonymous_consumer_);
      return challenge(request, "Invalid user authorization");
    }
    request.attach_consumer(anonymous);
    return plugin::pass();
  }

  plugin::Step challenge(plugin::Request& request, std::string_view message) {
    request.set_response_header("WWW-Authenticate", challenge_);
    return request.reject_message(401, message);
  }

  plugin::ConsumerBook& consumers_;
  const std::string header_;
  const std::string query_;
  const std::string challenge_;
  const std::string anonymous_consumer_;  // empty: none
  const bool hide_credentials_;
};

}  // namespace

extern const plugin::PluginDef key_auth = plugin::define<KeyAuth>();

}  // namespace apisix::plugins
