#include "master/admin_call.h"

#include <algorithm>

#include <fmt/format.h>

#include "master/admin_certificate.h"
#include "master/running.h"
#include "shared/client/http_once.h"
#include "shared/format/read.h"

namespace apisix::master {
namespace {

using format::find_member;
using format::Json;

constexpr std::uint64_t kAdminTimeoutMs = 60'000;
constexpr std::size_t kAdminBytesMax = std::size_t{64} << 20;

base::Result<std::string> key_of(const settings::Deployment::Admin& admin) {
  if (!admin.admin_key_required) return std::string();
  const auto row = std::ranges::find_if(admin.admin_key, [](const settings::AdminKey& each) {
    return each.role == settings::AdminRole::kAdmin && !each.key.empty();
  });
  if (row != admin.admin_key.end()) return row->key;
  return base::invalid("config.yaml has no admin key yet: it is made when the gateway starts");
}

std::string member_text(const Json& value) {
  return value.isString() ? format::string_of(value) : format::to_json(value);
}

}  // namespace

std::string origin_of(const settings::Listen& listen) {
  const bool is_any = listen.ip == "0.0.0.0" || listen.ip == "::" || listen.ip == "[::]";
  std::string host = is_any ? "127.0.0.1" : listen.ip;
  if (host.find(':') != host.npos && !host.starts_with('[')) host = "[" + host + "]";
  return fmt::format("{}://{}:{}", listen.tls ? "https" : "http", host, listen.port);
}

base::Result<AdminResponse> call_admin(const Invocation& in, const std::string& method,
                                       const std::string& path) {
  const auto config = current_config(in);
  const auto setup = config ? check_setup(in.prefix, *config) : std::unexpected(config.error());
  if (!setup) return std::unexpected(setup.error());
  if (!settings::serves_admin_api(setup->settings))
    return base::invalid("this gateway has no Admin API: it is a data plane, or enable_admin is false");
  const settings::Deployment::Admin& admin = setup->settings.deployment.admin;
  const auto key = key_of(admin);
  if (!key) return std::unexpected(key.error());
  client::HttpRequest request;
  request.method = method;
  request.url = origin_of(admin.listen) + "/apisix/admin/" + path;
  request.headers = {{"X-API-KEY", *key}};
  request.timeout_ms = kAdminTimeoutMs;
  request.response_bytes_max = kAdminBytesMax;
  request.verify_tls = false;  // our own address, by our own configuration
  request.keep_connection = false;
  // The certificate of the Admin API itself is the only one there is to show to it.
  const bool needs_certificate = admin.listen.tls && !admin.ssl_ca_cert.empty();
  if (needs_certificate) {
    request.client_cert_file = admin_file(admin.ssl_cert, *config);
    request.client_key_file = admin_file(admin.ssl_cert_key, *config);
  }
  auto response = client::send_once(std::move(request));
  if (!response) {
    return base::fail(response.error().code, response.error().source,
                      "the Admin API does not answer, is the gateway running? " + response.error().what);
  }
  auto body = format::parse_json(response->body);
  if (needs_certificate && response->status == 400 && !body) {
    return base::invalid(
        "the Admin API takes clients with a certificate of admin_api_mtls.admin_ssl_ca_cert alone, and "
        "admin_ssl_cert, which this command shows, is none: use another client with a certificate of its "
        "own");
  }
  return AdminResponse{response->status, body ? std::move(*body) : Json(response->body)};
}

std::string refusal_text(const AdminResponse& response) {
  if (!response.body.isObject()) return fmt::format("the Admin API answers {}", response.status);
  std::string out = member_text(find_member(response.body, "error_msg"));
  for (const Json& fault : find_member(response.body, "errors")) {
    out += fmt::format("\n  {}/{}{}: {}", member_text(find_member(fault, "resource_type")),
                       member_text(find_member(fault, "resource_id")),
                       format::string_of(find_member(fault, "pointer")),
                       member_text(find_member(fault, "error")));
  }
  return out;
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '-' || c == '_' || c == '.';
    out += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace apisix::master
