#include "worker/admin/catalog_handler.h"

#include <algorithm>

#include <fmt/format.h>

#include "shared/base/log.h"
#include "shared/http/uri.h"
#include "shared/resource/kind.h"
#include "shared/resource/schemas.h"
#include "shared/resource/validate.h"
#include "worker/admin/body.h"
#include "worker/admin/catch_up.h"
#include "worker/admin/response.h"
#include "worker/config/registry.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::admin {
namespace {

using format::Json;
using plugin::ConfScope;
using proxy::LocalResponse;

bool takes(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.remove_prefix(prefix.size());
  return true;
}

std::string_view first_segment(std::string_view path) {
  return path.substr(0, path.find('/'));
}

LocalResponse kind_schema(std::string_view name) {
  const auto kind = resource::find_kind(name);
  // As APISIX: by the singular name, and only kinds with one schema of their own.
  const bool is_name = kind && resource::info_of(*kind).name == name;
  const bool has_schema =
      kind && *kind != resource::Kind::kPluginMetadata && *kind != resource::Kind::kSecret;
  if (!is_name || !has_schema) return error_response(400, fmt::format("not found schema: {}", name));
  return json_response(200, *format::parse_json(resource::find_schema_text(name)));
}

LocalResponse validate_schema(const proxy::LocalRequest& request, std::string_view plural) {
  const auto kind = resource::find_kind_by_plural(plural);
  if (!kind) return error_response(404, fmt::format("Unsupported resource type: {}", plural));
  if (*kind == resource::Kind::kSecret)
    return error_response(400, "missing secret type");  // it has several schemas
  const auto body = parse_body(request);
  if (!body) return bad_body_response(request, body.error());
  const resource::Validation found = resource::validate_schema(*kind, body->value_or(Json()));
  if (found.ok()) return {200, "application/json", "", {}};
  return refusal_response({400, found}, request.headers->has(http::KnownHeader::kAccept));
}

}  // namespace

async::Task<std::optional<LocalResponse>> CatalogHandler::serve(const proxy::LocalRequest& request,
                                                                std::string_view path) {
  const bool is_get = request.method == "GET";
  if (takes(path, "schema/validate/")) {
    if (request.method != "POST") co_return error_response(404, "not found");
    co_return validate_schema(request, first_segment(path));
  }
  if (path == "plugins/reload") co_return co_await reload(request);
  if (path == "plugins/list" && is_get) co_return plugin_names(request);
  const bool is_schema = first_segment(path) == "schema";
  if (is_schema) path.remove_prefix(std::min(path.size(), std::string_view("schema/").size()));
  const bool is_plugin = first_segment(path) == "plugins";
  if (!is_schema && !is_plugin) co_return std::nullopt;
  if (!is_get) co_return error_response(404, "not found");
  if (!is_plugin) co_return kind_schema(first_segment(path));
  path.remove_prefix(std::min(path.size(), std::string_view("plugins/").size()));
  co_return plugin(request, first_segment(path));
}

LocalResponse CatalogHandler::plugin(const proxy::LocalRequest& request, std::string_view name) const {
  const std::string_view subsystem = http::find_arg(request.query, "subsystem").value_or("http");
  if (subsystem != "http" && subsystem != "stream") {
    return error_response(400, fmt::format("unsupported subsystem: {}", subsystem));
  }
  if (http::find_arg(request.query, "all") == std::optional<std::string_view>("true")) {
    return json_response(
        200, subsystem == "http" ? context_.registry.plugins().describe() : Json(::Json::objectValue));
  }
  const plugin::PluginKind* kind = subsystem == "http" ? context_.registry.plugins().find(name) : nullptr;
  if (kind == nullptr) return error_response(404, fmt::format("plugin not found in subsystem {}", subsystem));
  const bool of_consumer =
      http::find_arg(request.query, "schema_type") == std::optional<std::string_view>("consumer");
  const Json* schema =
      plugin::PluginSet::schema_json(*kind, of_consumer ? ConfScope::kConsumer : ConfScope::kResource);
  if (schema == nullptr) return error_response(400, "not found schema");
  return json_response(200, *schema);
}

LocalResponse CatalogHandler::plugin_names(const proxy::LocalRequest& request) const {
  const std::string_view subsystem = http::find_arg(request.query, "subsystem").value_or("http");
  if (subsystem != "http" && subsystem != "stream") {
    return {400, "application/json", "invalid subsystem passed", {}};
  }
  Json names(::Json::arrayValue);
  if (subsystem == "http") {
    for (const plugin::PluginKind* kind : context_.registry.plugins().enabled())
      names.append(std::string(kind->info().name));
  }
  return json_response(200, names);
}

async::Task<LocalResponse> CatalogHandler::reload(const proxy::LocalRequest& request) {
  if (request.method != "PUT") {
    co_return error_response(
        405, fmt::format("please use PUT method to reload the plugins, {} method is not allowed.",
                         request.method));
  }
  const auto read = context_.reload_plugins();
  if (!read) {
    base::log_error("cannot reload the plugins: {}", read.error().what);
    co_return error_response(503, "failed to reload plugins: " + read.error().what);
  }
  if (const auto status = co_await plugin_list_.replace(*read); !status) {
    base::log_error("cannot store the list of plugins: {}", status.error().what);
    co_return error_response(503, "failed to record plugins reload");
  }
  co_await catch_up(context_.loop, context_.store, context_.registry,
                    context_.settings.deployment.etcd.prefix);
  co_return LocalResponse{200, "application/json", "done", {}};
}

}  // namespace apisix::admin
