#include "worker/control/shown.h"

#include "shared/async/time_slice.h"
#include "shared/base/ip.h"
#include "shared/format/read.h"
#include "shared/resource/upstream.h"
#include "shared/resource/validate.h"
#include "shared/settings/shown_key.h"
#include "worker/config/registry.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::control {
namespace {

using format::find_member;
using format::Json;

void fill_defaults(const Deps& deps, std::string_view kind, std::string_view id, Json& value) {
  const auto known = resource::find_kind_by_plural(kind);
  if (!known) return;
  resource::ValidateHooks hooks;
  hooks.check_plugins = [&deps](Json& plugins, resource::PluginScope scope) {
    if (scope == resource::PluginScope::kStream) return resource::Validation();
    return deps.registry.plugins().check_all(plugins, scope);
  };
  // What it finds does not count: the object is in force.
  static_cast<void>(resource::validate(*known, value, {.hooks = hooks, .is_stored = true, .path_id = id}));
}

// APISIX keeps one in every plugin's configuration.
void add_meta(Json& value) {
  if (!find_member(value, "plugins").isObject()) return;
  for (Json& conf : value["plugins"]) {
    if (conf.isObject() && !conf.isMember("_meta")) conf["_meta"] = Json(::Json::objectValue);
  }
}

// A map of "host:port" to weights becomes an array.
void list_nodes(Json& upstream) {
  const Json& nodes = find_member(upstream, "nodes");
  if (!nodes.isObject()) return;
  Json list(::Json::arrayValue);
  for (const std::string& name : nodes.getMemberNames()) {
    const resource::NodeAddress address = resource::split_node_address(name);
    Json& node = list.append(Json(::Json::objectValue));
    node["host"] = std::string(address.host);
    if (address.port) node["port"] = static_cast<Json::Int64>(*address.port);
    node["weight"] = nodes[name];
  }
  upstream["nodes"] = std::move(list);
}

bool has_domain(const Json& upstream) {
  for (const Json& node : find_member(upstream, "nodes")) {
    const std::string text = format::string_of(find_member(node, "host"));
    std::string_view host = text;
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (!base::IpAddress::parse(host)) return true;
  }
  return false;
}

}  // namespace

ShownObject show(const Deps& deps, std::string_view kind, std::string_view id,
                 const config::ObjectInForce& object) {
  ShownObject out;
  out.key = settings::shown_key(object.key, settings::hidden_key_prefix(deps.settings));
  out.create_revision = object.create_revision;
  out.mod_revision = object.mod_revision;
  if (auto value = format::parse_json(object.value)) out.value = std::move(*value);
  fill_defaults(deps, kind, id, out.value);
  out.value["id"] = std::string(id);
  if (kind == "routes" || kind == "services") add_meta(out.value);
  Json* upstream = kind == "upstreams" ? &out.value : nullptr;
  if (upstream == nullptr && find_member(out.value, "upstream").isObject()) upstream = &out.value["upstream"];
  if (upstream != nullptr) {
    list_nodes(*upstream);
    out.has_domain = has_domain(*upstream);
  }
  return out;
}

async::Task<void> visit_all(const Deps& deps, std::string_view kind, Visit visit) {
  async::TimeSlice slice(deps.loop);
  for (const std::string& id : deps.registry.ids_in_force(kind)) {
    if (const auto object = deps.registry.find_in_force(kind, id)) visit(id, *object);
    if (slice.is_over()) co_await slice.pause();
  }
}

Json lua_array(Json array) {
  return array.empty() ? Json(::Json::objectValue) : array;
}

std::string_view take_segment(std::string_view& path) {
  const auto slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  return segment;
}

}  // namespace apisix::control
