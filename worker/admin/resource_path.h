// The path of a resource in the Admin API, taken apart:
// {plural}/{id}/{sub/path} (and "ssl", "proto", as APISIX 2 named them), secrets/{manager}/{id}/{sub/path},
// consumers/{username}/credentials/{id}, services/{id}/graphql_cost_decorations/{id}.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/resource/kind.h"

namespace apisix::admin {

struct ResourcePath {
  resource::Kind kind = resource::Kind::kRoute;
  std::string
      parent;  // of a credential: the consumer's name; of a decoration: the service; of a secret: the manager
  std::string id;        // "" = the collection
  std::string sub_path;  // of PATCH: "upstream/nodes"

  // Of the object in the store: "jack/credentials/c1".
  std::string item_id() const { return resource::item_id(kind, parent, id); }
};

// `path` is decoded and starts behind "/apisix/admin/". Nothing: no kind has the name.
std::optional<ResourcePath> parse_resource_path(std::string_view path);

}  // namespace apisix::admin
