#include "worker/admin/access.h"

#include <algorithm>

#include "shared/base/arena.h"
#include "shared/base/crypto.h"
#include "shared/base/log.h"
#include "shared/http/cookie.h"
#include "shared/http/uri.h"
#include "worker/admin/response.h"
#include "worker/admin/write_mode.h"
#include "worker/plugin/log_text.h"
#include "worker/plugin/request_log.h"

namespace apisix::admin {
namespace {

std::optional<std::string> key_of(const proxy::LocalRequest& request) {
  base::Arena arena;
  if (const auto arg = http::find_arg(request.query, "api_key"))
    return std::string(http::unescape(*arg, arena));
  if (const auto* field = request.headers->find("x-api-key")) return std::string(field->value);
  if (const auto* field = request.headers->find(http::KnownHeader::kCookie)) {
    if (const auto cookie = http::find_cookie(field->value, "x_api_key")) return std::string(*cookie);
  }
  return std::nullopt;
}

constexpr std::string_view kApplyPath = "/apisix/admin/configs/apply";
constexpr std::string_view kPushPath = "/apisix/admin/configs";

bool is_for_viewers(const proxy::LocalRequest& request) {
  if (request.method == "GET") return true;
  const bool is_set = request.method == "POST" && request.path == kApplyPath;
  const bool is_push = request.method == "PUT" && request.path == kPushPath;
  if (!is_set && !is_push) return false;
  const auto mode = parse_write_mode(request.query);
  return mode && mode->is_dry_run;
}

// Who asked for what. Without the query: a key may be in it.
std::string log_suffix(const proxy::LocalRequest& request) {
  std::string out = ", client: " + request.peer_ip.to_string() + ", request: \"";
  plugin::append_escaped(out, request.method);
  out += ' ';
  plugin::append_escaped(out, request.raw_path.substr(0, plugin::kLogTextBytesMax));
  return out += '"';
}

// Why not is a text for the client.
std::expected<const settings::AdminKey*, const char*> find_key(const settings::Deployment::Admin& admin,
                                                               const proxy::LocalRequest& request) {
  const auto key = key_of(request);
  if (!key) return std::unexpected("missing apikey");
  for (const settings::AdminKey& row : admin.admin_key) {
    if (row.key.empty() || !base::equals_in_constant_time(*key, row.key)) continue;
    if (row.role == settings::AdminRole::kViewer && !is_for_viewers(request)) {
      return std::unexpected("invalid method for role viewer");
    }
    return &row;
  }
  return std::unexpected("wrong apikey");
}

}  // namespace

bool is_allowed(const settings::Deployment::Admin& admin, const base::IpAddress& peer_ip) {
  if (!admin.allow_admin) return true;
  return std::ranges::any_of(*admin.allow_admin,
                             [&](const base::Cidr& network) { return network.contains(peer_ip); });
}

std::expected<std::string, proxy::LocalResponse> check_key(const settings::Deployment::Admin& admin,
                                                           const proxy::LocalRequest& request) {
  if (!admin.admin_key_required) return std::string();
  const auto row = find_key(admin, request);
  if (row) return (*row)->name;
  base::log_warn("failed to check token: {}{}", row.error(), log_suffix(request));
  format::Json body(::Json::objectValue);
  body["error_msg"] = "failed to check token";
  body["description"] = row.error();
  return std::unexpected(json_response(401, body));
}

bool has_key(const settings::Deployment::Admin& admin, const proxy::LocalRequest& request) {
  return !admin.admin_key_required || find_key(admin, request);
}

}  // namespace apisix::admin
