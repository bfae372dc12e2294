// The kinds of objects that APISIX stores, one row for each: its names, where it lives in the store, and what
// the Admin API does with it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apisix::resource {

enum class Kind : std::uint8_t {
  kRoute,
  kService,
  kUpstream,
  kConsumer,
  kCredential,
  kConsumerGroup,
  kSsl,
  kGlobalRule,
  kPluginConfig,
  kPluginMetadata,
  kProto,
  kStreamRoute,
  kSecret,
  kGraphqlCostDecoration,
};
inline constexpr std::size_t kKindCount = 14;

struct KindInfo {
  Kind kind;
  std::string_view name;    // "consumer_group": of GET /apisix/admin/schema/{name}
  std::string_view plural;  // "consumer_groups": of the Admin path and of apisix.yaml
  std::string_view words;   // "consumer group": in messages
  std::string_view folder;  // of the store; sub-resources live in their parent's
  std::string_view schema;  // of schemas.h; empty: chosen by the id (secret)
  bool has_timestamps;      // create_time and update_time are written by the server
  bool has_body_id;         // the id is also the member "id", and checked by normalize_id()
  bool can_post;            // an id may be made by the server
  bool can_patch;
};

const KindInfo& info_of(Kind kind);
const std::array<KindInfo, kKindCount>& all_kinds();
// By `name` or `plural`; nullopt when there is none.
std::optional<Kind> find_kind(std::string_view name);
std::optional<Kind> find_kind_by_plural(std::string_view plural);
// By `folder`; of kinds that share one, that of the parent.
std::optional<Kind> find_kind_by_folder(std::string_view folder);

// An object's place in the store, below the prefix. Ids of sub-resources and secrets have several parts:
// credential "jack/credentials/c1", secret "vault/1", graphql_cost_decoration
// "1/graphql_cost_decorations/d1".
struct ItemKey {
  Kind kind;
  std::string id;
  bool operator==(const ItemKey&) const = default;
};

// The id of a kind whose objects belong to others: item_id(kCredential, "jack", "c1") is
// "jack/credentials/c1", item_id(kSecret, "vault", "1") is "vault/1". Of the other kinds: `id`.
std::string item_id(Kind kind, std::string_view parent, std::string_view id);
// Credentials and cost decorations are kept below an object of another kind; nullopt for the rest.
std::optional<Kind> parent_of(Kind kind);
// "/consumers/jack/credentials/c1".
std::string store_key(Kind kind, std::string_view id);
// What the keys of a collection start with: "/consumers/jack/credentials/", "/routes/". May also find keys of
// sub-resources, which parse_store_key() distinguishes.
std::string collection_key(Kind kind, std::string_view parent = "");
// Of a key without the store's prefix; nullopt for keys that are no object's (/plugins, /data_plane/...).
std::optional<ItemKey> parse_store_key(std::string_view key);

}  // namespace apisix::resource
