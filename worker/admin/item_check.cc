#include "worker/admin/item_check.h"

#include "shared/resource/kind.h"
#include "shared/resource/schemas.h"
#include "worker/admin/hooks.h"
#include "worker/config/registry.h"
#include "worker/limits.h"
#include "worker/plugin/plugin_set.h"
#include "worker/tls/certificate_table.h"

namespace apisix::admin {
namespace {

using format::Json;

constexpr std::string_view kPluginsKey = "/plugins";

// There may be very many of them, and the registry refuses what it cannot use.
bool may_be_many(resource::Kind kind) {
  return kind == resource::Kind::kRoute || kind == resource::Kind::kConsumer ||
         kind == resource::Kind::kCredential;
}

// Parsing what many certificates are in would take longer than a start may.
bool are_many(resource::Kind kind, config::Registry& registry) {
  return kind == resource::Kind::kSsl && registry.certificates().size() >= limits::kParsedWhenReadMax;
}

resource::ValidateHooks hooks_for(ItemSource source, config::Registry& registry,
                                  const settings::Settings& settings) {
  resource::ValidateHooks hooks =
      make_file_hooks([&registry]() -> const plugin::PluginSet& { return registry.plugins(); }, settings);
  if (source == ItemSource::kFile) return hooks;
  // An APISIX writes pairs that do not belong together, and the rest of the object is good.
  hooks.is_key_of_certificate = nullptr;
  // So is a certificate with a member of a plugin that is not enabled: it is not stapled.
  hooks.is_enabled = nullptr;
  // Fields may be encrypted, and plugins that are not enabled are left alone.
  hooks.check_plugins = [&registry](Json& plugins, resource::PluginScope scope) {
    if (scope == resource::PluginScope::kStream) return resource::Validation();
    return registry.plugins().open_stored(plugins, scope);
  };
  return hooks;
}

base::Status check_object(const resource::ItemKey& key, format::Json& value,
                          const resource::ValidateHooks& hooks) {
  // The name of a consumer is checked against a path that a client wrote; here there is none.
  const std::string_view id = key.kind == resource::Kind::kConsumer ? std::string_view() : key.id;
  const auto validation =
      resource::validate(key.kind, value, {.hooks = hooks, .is_stored = true, .path_id = id});
  if (validation.ok()) return {};
  return base::invalid(validation.error_msg);
}

// Of a key in the folder of a kind, but with an id that none of it can have: "/routes/a/b".
std::optional<resource::ItemKey> misplaced(std::string_view place) {
  if (!place.starts_with('/')) return std::nullopt;
  const auto slash = place.find('/', 1);
  if (slash == place.npos || slash + 1 == place.size()) return std::nullopt;
  const auto kind = resource::find_kind_by_plural(place.substr(1, slash - 1));
  if (!kind) return std::nullopt;
  return resource::ItemKey{*kind, std::string(place.substr(slash + 1))};
}

}  // namespace

std::function<base::Status(const store::Item&)> make_item_check(ItemSource source, config::Registry& registry,
                                                                const settings::Settings& settings) {
  auto hooks = hooks_for(source, registry, settings);
  auto unparsed = hooks;
  unparsed.check_certificate = nullptr;
  return [source, prefix = settings.deployment.etcd.prefix, &registry, hooks = std::move(hooks),
          unparsed = std::move(unparsed)](const store::Item& item) -> base::Status {
    const std::string_view place =
        std::string_view(item.key).substr(std::min(item.key.size(), prefix.size()));
    auto key = resource::parse_store_key(place);
    if (source == ItemSource::kStore && (!key || may_be_many(key->kind))) return {};
    const bool is_many = key && are_many(key->kind, registry);
    if (source == ItemSource::kStore && is_many) return {};
    if (!key) key = misplaced(place);
    if (!key && place != kPluginsKey) return {};
    auto value = format::parse_json(item.value);
    if (!value) return std::unexpected(value.error());
    if (!key) return resource::get_schema("plugins").validate(*value);
    return check_object(*key, *value, is_many ? unparsed : hooks);
  };
}

}  // namespace apisix::admin
