#include "worker/admin/admin_service.h"

#include <fmt/format.h>

#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/http/uri.h"
#include "worker/admin/access.h"
#include "worker/admin/body.h"
#include "worker/admin/response.h"
#include "worker/admin/target_check.h"

namespace apisix::admin {
namespace {

using proxy::LocalResponse;

constexpr std::string_view kAdminPath = "/apisix/admin";
constexpr std::string_view kConfigsPath = "/apisix/admin/configs";
constexpr std::size_t kPathBytesKept = 256;  // in the history
constexpr std::int64_t kRefusalLogMs = 1000;

Author author_of(const proxy::LocalRequest& request, std::string key_name) {
  return {.name = std::move(key_name),
          .address = request.peer_ip,
          .request = fmt::format("{} {}", request.method, request.path.substr(0, kPathBytesKept))};
}

}  // namespace

AdminService::AdminService(AdminContext context)
    : context_(std::move(context)),
      ui_(context_.loop, context_.home + "/ui"),
      history_(context_.loop, context_.store, context_.settings),
      writer_(context_.loop, context_.store, history_, context_.prefix()),
      progress_(context_.loop, context_.status),
      handler_(context_, parts()),
      pushed_(context_.loop, context_.store, context_.settings),
      applier_(context_, handler_, parts(),
               settings::takes_pushed_configuration(context_.settings) ? &pushed_ : nullptr),
      changes_(context_.loop, applier_, history_, handler_.secrets()),
      plugin_list_(context_.store, context_.settings),
      catalog_(context_, plugin_list_),
      configs_(context_.loop, handler_, pushed_, Pusher(context_, handler_, pushed_, parts()),
               context_.settings),
      diagnose_(context_),
      refusal_log_(kRefusalLogMs) {}

// One line a second: clients must not fill the log.
bool AdminService::admits(const base::IpAddress& peer_ip) {
  if (is_allowed(context_.settings.deployment.admin, peer_ip)) return true;
  if (refusal_log_.is_due()) {
    base::log_error("access to the Admin API forbidden by allow_admin, client: {}", peer_ip.to_string());
  }
  return false;
}

std::size_t AdminService::body_bytes_max(const proxy::LocalRequest& request) const {
  if (!request.path.starts_with(kAdminPath) || !has_key(context_.settings.deployment.admin, request))
    return 0;
  const bool is_push = settings::takes_pushed_configuration(context_.settings) && request.method == "PUT" &&
                       request.path == kConfigsPath;
  return is_push ? limits::kPushedBodyBytesMax : limits::kAdminBodyBytesMax;
}

LocalResponse AdminService::too_large(const proxy::LocalRequest& request, std::uint64_t body_bytes) const {
  return error_response(
      400, fmt::format("invalid request body: request size {} is greater than the maximum size {} allowed",
                       body_bytes, body_bytes_max(request)));
}

async::Task<LocalResponse> AdminService::serve(const proxy::LocalRequest& request) {
  if (context_.settings.deployment.admin.enable_admin_ui && UiFiles::has(request.path)) {
    co_return co_await ui_.serve(request);
  }
  LocalResponse response;
  if (request.method == "OPTIONS" && context_.settings.deployment.admin.enable_admin_cors) {
    response = {200,
                "text/plain",
                "",
                {{"Access-Control-Allow-Methods", "POST, GET, PUT, OPTIONS, DELETE, PATCH"},
                 {"Access-Control-Allow-Headers", "*"}}};
  } else {
    response = co_await dispatch(request);
    response.headers.emplace_back("Access-Control-Expose-Headers", "*");
    if (!context_.settings.deployment.admin.enable_admin_cors) response.headers.pop_back();
  }
  if (context_.settings.deployment.admin.enable_admin_cors) add_cors(response);
  co_return response;
}

void AdminService::add_cors(LocalResponse& response) const {
  response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  response.headers.emplace_back("Access-Control-Allow-Credentials", "true");
  response.headers.emplace_back("Access-Control-Max-Age", "3600");
}

// Authenticated here, before anything of the path is looked at: there is no path without a key but HEAD of
// the base, which says nothing.
async::Task<LocalResponse> AdminService::dispatch(const proxy::LocalRequest& request) {
  if (!request.path.starts_with(kAdminPath)) co_return proxy::page_response(404);
  std::string_view rest = request.path.substr(kAdminPath.size());
  if (rest.empty() && request.method == "HEAD") co_return LocalResponse{200, "application/json", "", {}};
  if (!rest.starts_with('/')) co_return proxy::page_response(404);
  auto key_name = check_key(context_.settings.deployment.admin, request);
  if (!key_name) co_return std::move(key_name.error());
  rest.remove_prefix(1);
  if (const auto target = check_target(request); !target) co_return error_response(400, target.error().what);
  if (auto response = co_await diagnose_.serve(request, rest)) co_return std::move(*response);
  Author author = author_of(request, std::move(*key_name));
  if (settings::takes_pushed_configuration(context_.settings)) {
    if (auto response = co_await changes_.serve(request, rest, author)) co_return std::move(*response);
    co_return co_await configs_.serve(request, rest, std::move(author));
  }
  auto response = co_await serve_resource(request, rest, std::move(author));
  response.headers.emplace_back("X-API-VERSION",
                                context_.settings.deployment.admin.admin_api_version == "v3" ? "v3" : "v2");
  co_return response;
}

async::Task<LocalResponse> AdminService::serve_resource(const proxy::LocalRequest& request,
                                                        std::string_view path, Author author) {
  if (path == "configs/validate" && request.method == "POST") {
    co_return co_await configs_.validate(request);
  }
  if (auto response = co_await changes_.serve(request, path, author)) co_return std::move(*response);
  if (auto response = co_await catalog_.serve(request, path)) co_return std::move(*response);
  auto resource = parse_resource_path(path);
  if (!resource) {
    co_return error_response(404,
                             fmt::format("Unsupported resource type: {}", path.substr(0, path.find('/'))));
  }
  auto body = parse_body(request);
  if (!body) co_return bad_body_response(request, body.error());
  ResourceCall call{std::move(*resource), request.method, request.query, std::move(*body)};
  call.author = std::move(author);
  if (request.method != "GET") {
    const auto mode = parse_write_mode(request.query);
    if (!mode) co_return error_response(400, mode.error().what);
    call.mode = *mode;
  }
  call.lists_faults = request.headers->has(http::KnownHeader::kAccept);
  if (const auto ttl = http::find_arg(request.query, "ttl"); ttl && !base::parse_double(*ttl)) {
    co_return error_response(400, "invalid argument ttl: should be a number");
  }
  co_return co_await handler_.serve(std::move(call));
}

}  // namespace apisix::admin
