// What the registry does with the items of each kind: one row for each resource::Kind.
#include <array>

#include "shared/resource/document.h"
#include "worker/config/registry.h"
#include "worker/config/ssl_table.h"

namespace apisix::config {

using resource::Kind;

struct Registry::KindHandler {
  // Missing: a kind that no request of this build looks at; its items are accepted.
  base::Status (*put)(Registry& own, std::string_view id, const store::Item& item) = nullptr;
  void (*erase)(Registry& own, std::string_view id) = nullptr;
  // For the Control API; missing: objects of the kind are not shown.
  const ObjectTable* (*table)(const Registry& own) = nullptr;

  template <auto kTable>
  static constexpr KindHandler of_table() {
    return {[](Registry& own, std::string_view id, const store::Item& item) {
              return (own.*kTable).put(id, item);
            },
            [](Registry& own, std::string_view id) { (own.*kTable).erase(id); },
            [](const Registry& own) -> const ObjectTable* { return &(own.*kTable); }};
  }
  static constexpr KindHandler of_services() {
    KindHandler out = of_table<&Registry::services_>();
    out.put = [](Registry& own, std::string_view id, const store::Item& item) -> base::Status {
      if (id.contains('/')) return {};  // kept below a service
      auto status = own.services_.put(id, item);
      if (status) own.routes_.on_service_changed(id);
      return status;
    };
    out.erase = [](Registry& own, std::string_view id) {
      if (own.services_.erase(id)) own.routes_.on_service_changed(id);
    };
    return out;
  }
  static constexpr KindHandler of_ssls() {
    return {
        [](Registry& own, std::string_view id, const store::Item& item) { return own.ssls_->put(id, item); },
        [](Registry& own, std::string_view id) { own.ssls_->erase(id); },
        [](const Registry& own) -> const ObjectTable* { return own.ssls_.get(); }};
  }
  // Credentials are kept below consumers.
  static constexpr KindHandler of_consumers() {
    return {[](Registry& own, std::string_view id, const store::Item& item) {
              return own.plugins_.consumers().put(id, item);
            },
            [](Registry& own, std::string_view id) { own.plugins_.consumers().erase(id); }};
  }
  static constexpr KindHandler of_secrets() {
    return {[](Registry& own, std::string_view id, const store::Item& item) {
              return own.secrets_.put(id, item);
            },
            [](Registry& own, std::string_view id) { own.secrets_.erase(id); }};
  }
  template <Kind kKind>
  static constexpr KindHandler of_plugins() {
    return {[](Registry& own, std::string_view id, const store::Item& item) {
              auto status = own.plugins_.put(kKind, id, item);
              if (kKind == Kind::kPluginConfig) own.routes_.on_plugin_config_changed(id);
              return status;
            },
            [](Registry& own, std::string_view id) {
              own.plugins_.erase(kKind, id);
              if (kKind == Kind::kPluginConfig) own.routes_.on_plugin_config_changed(id);
            }};
  }
};

const Registry::KindHandler& Registry::handler_of(Kind kind) {
  static constexpr std::array<KindHandler, resource::kKindCount> kHandlers = [] {
    std::array<KindHandler, resource::kKindCount> out;
    const auto row = [&out](Kind of) -> KindHandler& { return out[static_cast<std::size_t>(of)]; };
    row(Kind::kRoute) = KindHandler::of_table<&Registry::routes_>();
    row(Kind::kService) = KindHandler::of_services();
    row(Kind::kUpstream) = KindHandler::of_table<&Registry::upstreams_>();
    row(Kind::kStreamRoute) = KindHandler::of_table<&Registry::stream_routes_>();
    row(Kind::kSsl) = KindHandler::of_ssls();
    row(Kind::kConsumer) = KindHandler::of_consumers();
    row(Kind::kSecret) = KindHandler::of_secrets();
    row(Kind::kConsumerGroup) = KindHandler::of_plugins<Kind::kConsumerGroup>();
    row(Kind::kGlobalRule) = KindHandler::of_plugins<Kind::kGlobalRule>();
    row(Kind::kPluginMetadata) = KindHandler::of_plugins<Kind::kPluginMetadata>();
    row(Kind::kPluginConfig) = KindHandler::of_plugins<Kind::kPluginConfig>();
    row(Kind::kProto) = KindHandler::of_plugins<Kind::kProto>();
    return out;
  }();
  return kHandlers[static_cast<std::size_t>(kind)];
}

base::Status Registry::put(const store::Item& item) {
  const auto [folder, id] = split_key(item.key);
  if (check_) {
    if (auto status = check_(item); !status) return status;
  }
  if (folder == resource::kPluginsList) return put_plugin_list(item);
  const auto kind = resource::find_kind_by_folder(folder);
  const auto put = kind ? handler_of(*kind).put : nullptr;
  return put != nullptr ? put(*this, id, item) : base::Status{};
}

void Registry::apply_delete(std::string_view key) {
  const auto [folder, id] = split_key(key);
  const auto kind = resource::find_kind_by_folder(folder);
  if (const auto erase = kind ? handler_of(*kind).erase : nullptr; erase != nullptr) erase(*this, id);
  rejections_.erase(std::string(key));
  known_.erase(key);
}

// --- what is in force, as the Control API shows it

const ObjectTable* Registry::table_of(std::string_view folder) const {
  const auto kind = resource::find_kind_by_folder(folder);
  const auto table = kind ? handler_of(*kind).table : nullptr;
  return table != nullptr ? table(*this) : nullptr;
}

std::vector<std::string> Registry::ids_in_force(std::string_view kind) const {
  const ObjectTable* table = table_of(kind);
  return table != nullptr ? table->ids_by_age() : std::vector<std::string>{};
}

bool Registry::walk_ids(std::string_view kind, IdWalk& walk) const {
  const ObjectTable* table = table_of(kind);
  return table != nullptr && table->walk_ids(walk);
}

std::optional<ObjectInForce> Registry::find_in_force(std::string_view kind, std::string_view id) const {
  const ObjectTable* table = table_of(kind);
  auto found = table != nullptr ? table->find_in_force(id) : std::nullopt;
  if (found) found->key = options_.prefix + "/" + std::string(kind) + "/" + std::string(id);
  return found;
}

std::optional<plugin::StoredObject> Registry::find_object(std::string_view kind, std::string_view id) {
  auto found = find_in_force(kind, id);
  if (!found) return std::nullopt;
  return plugin::StoredObject{std::move(found->value), static_cast<std::uint64_t>(found->create_revision),
                              static_cast<std::uint64_t>(found->mod_revision)};
}

std::optional<store::Item> Registry::known_item(std::string_view key) const {
  const auto [folder, id] = split_key(key);
  if (table_of(folder) == nullptr || id.empty() || id.contains('/')) return std::nullopt;
  auto found = find_in_force(folder, id);
  if (!found) return store::Item{};
  return store::Item{.key = std::move(found->key),
                     .value = std::move(found->value),
                     .create_revision = found->create_revision,
                     .mod_revision = found->mod_revision};
}

}  // namespace apisix::config
