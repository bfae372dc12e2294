// Routes, services and upstreams that this worker serves with.
#include <fmt/format.h>

#include "worker/config/registry.h"
#include "worker/control/shown.h"

namespace apisix::control {
namespace {

using format::Json;

// {"key", "value", "createdIndex", "modifiedIndex", "has_domain"}, and of routes "orig_modifiedIndex".
Json object_json(const Deps& deps, std::string_view kind, std::string_view id,
                 const config::ObjectInForce& object) {
  ShownObject shown = show(deps, kind, id, object);
  Json out(::Json::objectValue);
  out["key"] = std::move(shown.key);
  out["value"] = std::move(shown.value);
  out["createdIndex"] = static_cast<Json::Int64>(shown.create_revision);
  out["modifiedIndex"] = static_cast<Json::Int64>(shown.mod_revision);
  if (kind == "routes") out["orig_modifiedIndex"] = static_cast<Json::Int64>(shown.mod_revision);
  out["has_domain"] = shown.has_domain;
  return out;
}

// Written piece by piece: of 100,000 objects, one value for all of them would take more than their text.
ResponseTask list_of(const Call& call, std::string_view kind) {
  std::string body;
  co_await visit_all(call.deps, kind, [&](const std::string& id, const config::ObjectInForce& object) {
    body += body.empty() ? '[' : ',';
    body += format::to_json(object_json(call.deps, kind, id, object));
  });
  body += body.empty() ? "{}\n" : "]\n";  // as lua_array()
  co_return proxy::LocalResponse{200, "application/json", std::move(body), {}};
}

// `name` is the kind's in messages: "route".
proxy::LocalResponse one_of(const Call& call, std::string_view kind, std::string_view name) {
  std::string_view rest = call.rest;
  const std::string_view id = take_segment(rest);
  const auto object = call.deps.registry.find_in_force(kind, id);
  if (!object) return proxy::error_response(404, fmt::format("{}[{}] not found", name, id));
  return proxy::json_response(200, object_json(call.deps, kind, id, *object));
}

}  // namespace

ResponseTask routes(const Call& call) {
  return list_of(call, "routes");
}
ResponseTask services(const Call& call) {
  return list_of(call, "services");
}
ResponseTask upstreams(const Call& call) {
  return list_of(call, "upstreams");
}

ResponseTask route(const Call& call) {
  co_return one_of(call, "routes", "route");
}
ResponseTask service(const Call& call) {
  co_return one_of(call, "services", "service");
}
ResponseTask upstream(const Call& call) {
  co_return one_of(call, "upstreams", "upstream");
}

}  // namespace apisix::control
