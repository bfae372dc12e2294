// The health of upstreams' nodes, as all workers and the agent see it: out of shared memory.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "shared/inspect/health_node.h"
#include "shared/memory/health_table.h"
#include "worker/config/registry.h"
#include "worker/control/health_page.h"
#include "worker/control/shown.h"

namespace apisix::control {
namespace {

using format::find_member;
using format::Json;

constexpr std::array<std::string_view, 4> kKinds = {"routes", "stream_routes", "services", "upstreams"};

// {"name", "type", "nodes"}; null: the object has no checks. There are no nodes before its first request.
Json checker_json(const Deps& deps, std::string_view kind, std::string_view id,
                  const config::ObjectInForce& object) {
  if (!object.value.contains("\"checks\"")) return {};
  ShownObject shown = show(deps, kind, id, object);
  const Json* checks = &find_member(shown.value, "checks");
  if (!checks->isObject()) checks = &find_member(find_member(shown.value, "upstream"), "checks");
  if (!checks->isObject()) return {};
  Json out(::Json::objectValue);
  out["name"] = std::move(shown.key);
  for (const char* way : {"passive", "active"}) {
    const Json& type = find_member(find_member(*checks, way), "type");
    if (type.isString()) out["type"] = type;
  }
  Json nodes(::Json::arrayValue);
  for (const auto& target : deps.zones.health.targets(deps.zones.health.find_checker(object.key))) {
    nodes.append(inspect::health_node(target));
  }
  out["nodes"] = lua_array(std::move(nodes));
  return out;
}

bool wants_page(const Call& call) {
  const http::HeaderField* accept = call.request.headers->find(http::KnownHeader::kAccept);
  return accept != nullptr && accept->value.contains("text/html");
}

}  // namespace

ResponseTask health_of_all(const Call& call) {
  Json out(::Json::arrayValue);
  for (const std::string_view kind : kKinds) {
    co_await visit_all(call.deps, kind, [&](const std::string& id, const config::ObjectInForce& object) {
      if (Json checker = checker_json(call.deps, kind, id, object); !checker.isNull()) {
        out.append(std::move(checker));
      }
    });
  }
  if (wants_page(call)) co_return proxy::LocalResponse{200, "text/html", health_page(out), {}};
  co_return proxy::json_response(200, lua_array(std::move(out)));
}

ResponseTask health_of_one(const Call& call) {
  const bool has_id = call.rest.contains('/');
  std::string_view rest = call.rest;
  const std::string_view kind = take_segment(rest);
  const std::string_view id = take_segment(rest);
  if (!has_id) co_return proxy::error_response(404, fmt::format("missing src id for src type {}", kind));
  if (std::ranges::find(kKinds, kind) == kKinds.end()) {
    co_return proxy::error_response(400, fmt::format("invalid src type {}", kind));
  }
  const auto object = call.deps.registry.find_in_force(kind, id);
  if (!object) co_return proxy::error_response(404, fmt::format("{}[{}] not found", kind, id));
  const Json checker = checker_json(call.deps, kind, id, *object);
  if (checker.isNull()) co_return proxy::error_response(404, fmt::format("no checker for {}[{}]", kind, id));
  if (wants_page(call)) {
    Json all(::Json::arrayValue);
    all.append(checker);
    co_return proxy::LocalResponse{200, "text/html", health_page(all), {}};
  }
  co_return proxy::json_response(200, checker);
}

}  // namespace apisix::control
