// key-auth: identifies the consumer by a key in a header field or a query argument.
#include <optional>
#include <string>

#include "worker/plugin/plugin.h"
#include "worker/plugins/auth/auth_plugin.h"

namespace apisix::plugins {
namespace {

class KeyAuth final : public AuthPlugin {
 public:
  static constexpr plugin::PluginInfo kInfo{
      .name = "key-auth", .priority = 2500, .is_auth = true, .consumer_key = "key"};

  KeyAuth(const plugin::Conf& conf, const plugin::BuildContext& context)
      : AuthPlugin(kInfo, "apikey", conf, context),
        header_(conf.text("header")),
        query_(conf.text("query")) {}

  plugin::Step rewrite(plugin::Request& request) override {
    auto key = request.headers().find(header_);
    const bool from_header = key.has_value();
    if (!from_header) key = request.query().find(query_);
    if (!key) return refuse_key(request, "Missing API key in request");
    const auto auth = find(*key);
    if (!auth) {
      return refuse_key(request, "Invalid API key in request",
                        request.arena().concat(std::string_view("failed to find consumer: "),
                                               why_not_found("invalid api key")));
    }
    if (hides_credentials() && from_header) request.headers().remove(header_);
    if (hides_credentials() && !from_header) request.query().remove(query_);
    return accept(request, auth);
  }

 private:
  // A request that goes on as the anonymous consumer's may have something in both places.
  plugin::Step refuse_key(plugin::Request& request, std::string_view message, std::string_view reason = {}) {
    const plugin::Outcome outcome = refuse(request, message, reason);
    if (outcome == plugin::Outcome::kPass && hides_credentials()) {
      request.headers().remove(header_);
      request.query().remove(query_);
    }
    return outcome;
  }

  const std::string header_;
  const std::string query_;
};

}  // namespace

const plugin::PluginKind& key_auth = plugin::define<KeyAuth>();

}  // namespace apisix::plugins
