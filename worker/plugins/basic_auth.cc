// basic-auth: identifies the consumer by name and password (RFC 7617).
#include <optional>
#include <string>

#include "shared/base/base64.h"
#include "shared/base/crypto.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "worker/plugin/plugin.h"
#include "worker/plugins/auth/auth_plugin.h"

namespace apisix::plugins {
namespace {

using format::Json;

constexpr std::string_view kScheme = "basic";

struct Password final : plugin::PreparedAuth {
  explicit Password(const Json& conf) : text(format::string_of(format::find_member(conf, "password"))) {}
  const std::string text;
};

struct Credentials {
  std::string_view username;
  std::string_view password;
};

// As APISIX: white space counts nowhere in a name or password.
std::string_view without_spaces(std::string_view text, base::Arena& arena) {
  char* out = arena.text(text.size());
  std::size_t size = 0;
  for (const char c : text) {
    if (std::string_view(" \t\n\r\f\v").find(c) == std::string_view::npos) out[size++] = c;
  }
  return {out, size};
}

// What is between the scheme and the end; none: not this scheme.
std::optional<std::string_view> encoded_part(std::string_view field) {
  if (field.size() <= kScheme.size() || !base::equals_ignore_case(field.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  field.remove_prefix(kScheme.size());
  const std::string_view encoded = base::trim(field);
  return field.size() == encoded.size() || encoded.empty() ? std::nullopt : std::optional(encoded);
}

class BasicAuth final : public AuthPlugin {
 public:
  static constexpr plugin::PluginInfo kInfo{
      .name = "basic-auth", .priority = 2520, .is_auth = true, .consumer_key = "username"};

  BasicAuth(const plugin::Conf& conf, const plugin::BuildContext& context)
      : AuthPlugin(kInfo, "Basic", conf, context) {}

  plugin::Step rewrite(plugin::Request& request) override {
    return hide_header(request, "Authorization", authenticate(request));
  }

 private:
  plugin::Outcome authenticate(plugin::Request& request) const {
    const auto field = request.headers().find("Authorization");
    if (!field) return refuse(request, "Missing authorization in request");
    const auto encoded = encoded_part(*field);
    if (!encoded) return refuse_field(request, "Invalid authorization header format");
    // What was sent is no business of the log's.
    char* bytes = request.arena().text(base::decoded_size_max(encoded->size()));
    const auto size = base::decode_base64_to(*encoded, bytes);
    if (!size) return refuse_field(request, "Failed to decode authentication header");
    const auto credentials = split({bytes, *size}, request.arena());
    if (!credentials) return refuse_field(request, "Split authorization err: invalid decoded data");
    const auto auth = find(credentials->username);
    if (!auth) {
      return refuse(
          request, "Invalid user authorization",
          request.arena().concat(std::string_view("failed to find user: "), why_not_found("invalid user")));
    }
    if (!base::equals_in_constant_time(auth->prepared<Password>().text, credentials->password)) {
      return refuse(request, "Invalid user authorization");
    }
    return accept(request, auth);
  }

  plugin::Outcome refuse_field(plugin::Request& request, std::string_view reason) const {
    return refuse(request, "Invalid authorization in request", reason);
  }

  // A password may hold colons; an empty one matches no consumer.
  static std::optional<Credentials> split(std::string_view decoded, base::Arena& arena) {
    const auto colon = decoded.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const Credentials credentials{without_spaces(decoded.substr(0, colon), arena),
                                  without_spaces(decoded.substr(colon + 1), arena)};
    return credentials.password.empty() ? std::nullopt : std::optional(credentials);
  }
};

}  // namespace

const plugin::PluginKind& basic_auth = plugin::define<BasicAuth>();

}  // namespace apisix::plugins
