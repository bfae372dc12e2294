#include "shared/resource/kind.h"

#include <algorithm>

namespace apisix::resource {
namespace {

// kind, name, plural, words, folder, schema, has_timestamps, has_body_id, can_post, can_patch
constexpr std::array<KindInfo, kKindCount> kKinds = {{
    {Kind::kRoute, "route", "routes", "route", "routes", "route", true, true, true, true},
    {Kind::kService, "service", "services", "service", "services", "service", true, true, true, true},
    {Kind::kUpstream, "upstream", "upstreams", "upstream", "upstreams", "upstream", true, true, true, true},
    {Kind::kConsumer, "consumer", "consumers", "consumer", "consumers", "consumer", true, false, false,
     false},
    {Kind::kCredential, "credential", "credentials", "credential", "consumers", "credential", true, true,
     false, false},
    {Kind::kConsumerGroup, "consumer_group", "consumer_groups", "consumer group", "consumer_groups",
     "consumer_group", true, true, false, true},
    {Kind::kSsl, "ssl", "ssls", "ssl", "ssls", "ssl", true, true, true, true},
    {Kind::kGlobalRule, "global_rule", "global_rules", "global rule", "global_rules", "global_rule", true,
     true, false, true},
    {Kind::kPluginConfig, "plugin_config", "plugin_configs", "plugin config", "plugin_configs",
     "plugin_config", true, true, false, true},
    {Kind::kPluginMetadata, "plugin_metadata", "plugin_metadata", "plugin_metadata", "plugin_metadata",
     "plugin_metadata", false, false, false, false},
    {Kind::kProto, "proto", "protos", "proto", "protos", "proto", true, true, true, false},
    {Kind::kStreamRoute, "stream_route", "stream_routes", "stream route", "stream_routes", "stream_route",
     true, true, true, false},
    {Kind::kSecret, "secret", "secrets", "secret", "secrets", "", true, true, false, true},
    {Kind::kGraphqlCostDecoration, "graphql_cost_decoration", "graphql_cost_decorations",
     "graphql cost decoration", "services", "graphql_cost_decoration", true, true, true, true},
}};

// The middle part of a sub-resource's id; empty for the other kinds.
std::string_view middle_of(Kind kind) {
  if (kind == Kind::kCredential) return "/credentials/";
  return kind == Kind::kGraphqlCostDecoration ? "/graphql_cost_decorations/" : "";
}

// Does an id of `kind` look like this? Tells a consumer from its credentials.
bool has_parts_of(Kind kind, std::string_view id) {
  const std::size_t slash = id.find('/');
  if (kind == Kind::kSecret) {
    return slash != 0 && slash < id.size() - 1 && id.find('/', slash + 1) == std::string_view::npos;
  }
  const std::string_view middle = middle_of(kind);
  if (middle.empty()) return slash == std::string_view::npos;
  return slash != 0 && slash < id.size() && id.substr(slash).starts_with(middle) &&
         slash + middle.size() < id.size() && id.find('/', slash + middle.size()) == std::string_view::npos;
}

}  // namespace

const KindInfo& info_of(Kind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

const std::array<KindInfo, kKindCount>& all_kinds() {
  return kKinds;
}

std::optional<Kind> find_kind(std::string_view name) {
  const auto* found = std::ranges::find_if(
      kKinds, [&](const KindInfo& info) { return info.name == name || info.plural == name; });
  return found != kKinds.end() ? std::optional(found->kind) : std::nullopt;
}

std::optional<Kind> find_kind_by_plural(std::string_view plural) {
  const auto* found = std::ranges::find(kKinds, plural, &KindInfo::plural);
  return found != kKinds.end() ? std::optional(found->kind) : std::nullopt;
}

std::optional<Kind> find_kind_by_folder(std::string_view folder) {
  const auto* found = std::ranges::find(kKinds, folder, &KindInfo::folder);
  return found != kKinds.end() ? std::optional(found->kind) : std::nullopt;
}

std::string item_id(Kind kind, std::string_view parent, std::string_view id) {
  const std::string_view middle = kind == Kind::kSecret ? "/" : middle_of(kind);
  if (middle.empty()) return std::string(id);
  std::string out(parent);
  out += middle;
  out += id;
  return out;
}

std::optional<Kind> parent_of(Kind kind) {
  if (kind == Kind::kCredential) return Kind::kConsumer;
  return kind == Kind::kGraphqlCostDecoration ? std::optional(Kind::kService) : std::nullopt;
}

std::string collection_key(Kind kind, std::string_view parent) {
  return store_key(kind, middle_of(kind).empty() ? "" : item_id(kind, parent, ""));
}

std::string store_key(Kind kind, std::string_view id) {
  std::string key = "/";
  key += info_of(kind).folder;
  key += '/';
  key += id;
  return key;
}

std::optional<ItemKey> parse_store_key(std::string_view key) {
  if (!key.starts_with('/')) return std::nullopt;
  const std::size_t slash = key.find('/', 1);
  if (slash == std::string_view::npos || slash + 1 == key.size()) return std::nullopt;
  const std::string_view folder = key.substr(1, slash - 1);
  const std::string_view id = key.substr(slash + 1);
  for (const KindInfo& info : kKinds) {
    if (info.folder == folder && has_parts_of(info.kind, id)) return ItemKey{info.kind, std::string(id)};
  }
  return std::nullopt;
}

}  // namespace apisix::resource
