// What is in force, as the Control API shows it.
#include <algorithm>

#include "worker/config/registry.h"
#include "worker/config/registry_objects.h"

namespace apisix::config {
namespace {

// Maps hold objects or pointers to them.
template <typename T>
const T& object_of(const T& object) {
  return object;
}
template <typename T>
const T& object_of(const std::unique_ptr<T>& object) {
  return *object;
}

std::string text_of(const std::string& value) {
  return value;
}
std::string text_of(const format::Json& value) {
  return format::to_json(value);
}

// By age; what was created at once (by one transaction, in one file) by id.
template <typename Objects>
std::vector<std::string> ids_by_age(const Objects& objects) {
  std::vector<std::pair<store::Revision, std::string>> found;
  found.reserve(objects.size());
  for (const auto& [id, object] : objects) found.emplace_back(object_of(object).create_revision, id);
  std::ranges::sort(found);
  std::vector<std::string> out;
  out.reserve(found.size());
  for (auto& [revision, id] : found) out.push_back(std::move(id));
  return out;
}

template <typename Objects>
std::optional<ObjectInForce> find(const Objects& objects, std::string_view id, std::string folder) {
  const auto found = objects.find(id);
  if (found == objects.end()) return std::nullopt;
  const auto& object = object_of(found->second);
  return ObjectInForce{folder.append(id), text_of(object.value), object.create_revision, object.mod_revision};
}

}  // namespace

std::vector<std::string> Registry::ids_in_force(std::string_view kind) const {
  if (kind == "routes") return ids_by_age(routes_);
  if (kind == "services") return ids_by_age(services_);
  if (kind == "upstreams") return ids_by_age(upstream_texts_);
  if (kind == "stream_routes") return ids_by_age(stream_route_texts_);
  return {};
}

bool Registry::walk_ids(std::string_view kind, IdWalk& walk) const {
  if (kind == "routes") return config::walk_ids(routes_, walk);
  if (kind == "services") return config::walk_ids(services_, walk);
  if (kind == "upstreams") return config::walk_ids(upstream_texts_, walk);
  if (kind == "stream_routes") return config::walk_ids(stream_route_texts_, walk);
  return false;
}

std::optional<ObjectInForce> Registry::find_in_force(std::string_view kind, std::string_view id) const {
  const std::string folder = options_.prefix + "/" + std::string(kind) + "/";
  if (kind == "routes") return find(routes_, id, folder);
  if (kind == "services") return find(services_, id, folder);
  if (kind == "upstreams") return find(upstream_texts_, id, folder);
  if (kind == "stream_routes") return find(stream_route_texts_, id, folder);
  return std::nullopt;
}

std::optional<store::Item> Registry::known_item(std::string_view key) const {
  const auto [kind, id] = split_key(key);
  const bool is_kept =
      kind == "routes" || kind == "services" || kind == "upstreams" || kind == "stream_routes";
  if (!is_kept || id.empty() || id.contains('/')) return std::nullopt;
  auto found = find_in_force(kind, id);
  if (!found) return store::Item{};
  return store::Item{.key = std::move(found->key),
                     .value = std::move(found->value),
                     .create_revision = found->create_revision,
                     .mod_revision = found->mod_revision};
}

}  // namespace apisix::config
