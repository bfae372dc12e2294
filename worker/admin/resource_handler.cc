// What happens to every call, and reading. Writing is in resource_write.cc.
#include "worker/admin/resource_handler.h"

#include <fmt/format.h>

#include "worker/admin/hooks.h"
#include "worker/admin/list_query.h"
#include "worker/admin/response.h"
#include "worker/config/registry.h"

namespace apisix::admin {
namespace {

using format::Json;
using proxy::LocalResponse;
using resource::Kind;

std::string not_supported(std::string_view method, Kind kind) {
  return fmt::format("not supported `{}` method for {}", method, resource::info_of(kind).words);
}

// PATCH changes what is at a path inside an object. To other writes it would be the whole object, which is
// not what such a path says; reading ignores it, as APISIX does. Sub-resources have no room for one.
bool takes_sub_path(const ResourceCall& call) {
  if (call.method == "PATCH") return !resource::parent_of(call.kind).has_value();
  return call.method != "PUT" && call.method != "POST" && call.method != "DELETE";
}

}  // namespace

ResourceHandler::ResourceHandler(const AdminContext& context, const WriteParts& parts)
    : context_(context),
      is_v3_(context.settings.deployment.admin.admin_api_version == "v3"),
      has_stream_routes_(context.settings.apisix.stream_enabled),
      secrets_(context.settings, context.registry),
      hooks_(make_hooks(
          [&registry = context.registry]() -> const plugin::PluginSet& { return registry.plugins(); },
          context.settings)),
      rules_(context, context.store, hooks_),
      usage_(context),
      writer_(parts.writer),
      progress_(parts.progress) {}

std::string ResourceHandler::key_of(const ResourceCall& call) const {
  return context_.prefix() + resource::store_key(call.kind, call.item_id());
}

async::Task<LocalResponse> ResourceHandler::serve(ResourceCall call) {
  const resource::KindInfo& info = resource::info_of(call.kind);
  if (call.kind == Kind::kStreamRoute && !has_stream_routes_) {
    co_return error_response(400, "stream mode is disabled, can not add stream routes");
  }
  if (call.method == "POST" && !info.can_post)
    co_return error_response(405, not_supported("POST", call.kind));
  if (call.method == "PATCH" && !info.can_patch)
    co_return error_response(405, not_supported("PATCH", call.kind));
  if (!call.sub_path.empty() && !takes_sub_path(call)) {
    co_return error_response(400, fmt::format("invalid sub-path: {}", call.sub_path));
  }
  if (call.kind == Kind::kGraphqlCostDecoration && call.parent.empty()) {
    co_return error_response(400, "missing service id");
  }
  if (call.kind == Kind::kCredential && call.parent.empty()) {
    co_return call.method == "PUT" ? error_response(404, "consumer not found") : key_not_found();
  }
  if (call.method == "GET") co_return call.id.empty() ? co_await list(call) : co_await get(call);
  if (call.method == "PUT") co_return co_await put(call);
  if (call.method == "POST") co_return co_await post(call);
  if (call.method == "PATCH") co_return co_await patch(call);
  if (call.method == "DELETE") co_return co_await remove(call);
  co_return error_response(404, "not found");
}

Json ResourceHandler::item_json(const ResourceCall& call, const store::Item& item) const {
  Json out(::Json::objectValue);
  out["key"] = item.key;
  if (auto value = format::parse_json(item.value)) {
    const auto key = resource::parse_store_key(std::string_view(item.key).substr(context_.prefix().size()));
    secrets_.show(call.kind, key ? key->id : call.id, *value);
    out["value"] = std::move(*value);
  } else {
    out["value"] = item.value;
  }
  out["createdIndex"] = static_cast<Json::Int64>(item.create_revision);
  out["modifiedIndex"] = static_cast<Json::Int64>(item.mod_revision);
  return out;
}

// v2 wraps what v3 returns, and shows no indexes of single objects.
Json ResourceHandler::node_body(std::string_view action, Json node) const {
  if (is_v3_) return node;
  node.removeMember("createdIndex");
  node.removeMember("modifiedIndex");
  Json out(::Json::objectValue);
  out["action"] = std::string(action);
  out["node"] = std::move(node);
  return out;
}

LocalResponse ResourceHandler::list_response(const ResourceCall& call, std::vector<Json> items) const {
  if (is_v3_) {
    auto selected = select_items(call.kind, std::move(items), call.query);
    if (!selected) return {400, "application/json", selected.error().what, {}};
    return json_response(200, *selected);
  }
  Json node(::Json::objectValue);
  std::string folder = context_.prefix() + resource::collection_key(call.kind, call.parent);
  folder.pop_back();
  node["key"] = folder;
  node["dir"] = true;
  Json& nodes = node["nodes"] = Json(::Json::arrayValue);
  for (Json& item : items) nodes.append(std::move(item));
  return json_response(200, node_body("get", std::move(node)));
}

async::Task<LocalResponse> ResourceHandler::get(ResourceCall& call) {
  const auto item = co_await context_.store.get(key_of(call));
  if (item) co_return json_response(200, node_body("get", item_json(call, *item)));
  co_return item.error().code == base::ErrorCode::kNotFound ? key_not_found() : store_response(item.error());
}

async::Task<LocalResponse> ResourceHandler::list(ResourceCall& call) {
  const auto found =
      co_await context_.store.list(context_.prefix() + resource::collection_key(call.kind, call.parent));
  if (!found) co_return store_response(found.error());
  std::vector<Json> items;
  for (const store::Item& item : found->items) {
    // Placeholders of folders have no id; objects of sub-resources have other kinds.
    const auto key = resource::parse_store_key(std::string_view(item.key).substr(context_.prefix().size()));
    if (key && key->kind == call.kind && !key->id.empty()) items.push_back(item_json(call, item));
  }
  // A folder of a sub-resource is there only while something is in it.
  if (items.empty() && resource::parent_of(call.kind)) co_return key_not_found();
  LocalResponse response = list_response(call, std::move(items));
  add_revision(found->revision, response);
  co_return response;
}

}  // namespace apisix::admin
