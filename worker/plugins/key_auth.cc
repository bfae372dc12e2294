// key-auth: identifies the consumer by a key in a header field or a query argument.
#include <optional>
#include <string>

#include "shared/format/read.h"
#include "worker/plugin/plugin.h"
#include "worker/plugins/auth/authentication.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

class KeyAuth final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{
      .name = "key-auth", .priority = 2500, .is_auth = true, .consumer_key = "key"};

  KeyAuth(const Json& conf, const plugin::BuildContext& context)
      : authentication_(kInfo, "apikey", conf, context),
        header_(format::string_of(find_member(conf, "header"))),
        query_(format::string_of(find_member(conf, "query"))) {}

  plugin::Step rewrite(plugin::Request& request) override {
    auto key = request.find_header(header_);
    const bool from_header = key.has_value();
    if (!from_header) key = request.arg(query_);
    if (!key) return refuse(request, "Missing API key in request");
    const auto auth = authentication_.find(*key);
    if (!auth) {
      return refuse(request, "Invalid API key in request",
                    request.arena.concat(std::string_view("failed to find consumer: "),
                                         authentication_.why_not_found("invalid api key")));
    }
    if (authentication_.hides_credentials() && from_header) request.remove_header(header_);
    if (authentication_.hides_credentials() && !from_header) request.remove_arg(query_);
    return authentication_.accept(request, auth);
  }

 private:
  // Whoever goes on as the anonymous consumer may have sent something in both places.
  plugin::Step refuse(plugin::Request& request, std::string_view message, std::string_view reason = {}) {
    const plugin::Outcome outcome = authentication_.refuse(request, message, reason);
    if (outcome == plugin::Outcome::kPass && authentication_.hides_credentials()) {
      request.remove_header(header_);
      request.remove_arg(query_);
    }
    return outcome;
  }

  const Authentication authentication_;
  const std::string header_;
  const std::string query_;
};

}  // namespace

const plugin::PluginKind& key_auth = plugin::define<KeyAuth>();

}  // namespace apisix::plugins
