#include "worker/control/control_service.h"

#include <optional>

#include "worker/config/registry.h"
#include "worker/control/endpoints.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::control {
namespace {

constexpr Endpoint kEndpoints[] = {
    {"GET", "/v1/schema", &schema},
    {"GET", "/v1/healthcheck", &health_of_all},
    {"GET", "/v1/healthcheck/*", &health_of_one},
    {"GET", "/v1/routes", &routes},
    {"GET", "/v1/route/*", &route},
    {"GET", "/v1/services", &services},
    {"GET", "/v1/service/*", &service},
    {"GET", "/v1/upstreams", &upstreams},
    {"GET", "/v1/upstream/*", &upstream},
    {"GET", "/v1/plugin_metadatas", &plugin_metadatas},
    {"GET", "/v1/plugin_metadata/*", &plugin_metadata},
    {"GET", "/v1/rejected", &rejected},
    {"POST", "/v1/gc", &collect_garbage},
    {"PUT", "/v1/plugins/reload", &reload_plugins},
    {"GET", "/v1/server_info", &server_info},
    {"POST", "/v1/explain", &explain},
    {"GET", "/v1/lint", &lint},
    {"GET", "/v1/status", &status},
    {"GET", "/v1/lua", &lua_state},
};

// What `pattern`'s "*" stands for in `path`; nothing: they do not match.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with('*')) {
    return pattern == path ? std::optional<std::string_view>("") : std::nullopt;
  }
  pattern.remove_suffix(1);
  if (!path.starts_with(pattern)) return std::nullopt;
  return path.substr(pattern.size());
}

}  // namespace

async::Task<proxy::LocalResponse> ControlService::serve(const proxy::LocalRequest& request) {
  const plugin::ControlApi* of_plugin =
      deps_.registry.plugins().find_control_api(request.method, request.path);
  if (of_plugin != nullptr) {
    plugin::ControlResponse response = of_plugin->serve(request.query, deps_.registry.plugin_deps());
    co_return proxy::LocalResponse{
        response.status, std::move(response.content_type), std::move(response.body), {}};
  }
  const lua::LuaApi* of_script = find_script(deps_, request);
  if (of_script != nullptr) co_return co_await serve_script(*of_script, request);
  for (const Endpoint& endpoint : kEndpoints) {
    if (endpoint.method != request.method) continue;
    const auto rest = match(endpoint.path, request.path);
    if (!rest) continue;
    const Call call{deps_, request, *rest};
    co_return co_await endpoint.serve(call);
  }
  co_return proxy::page_response(404);
}

}  // namespace apisix::control
