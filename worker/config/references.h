// References: which stored object names which other by its id: routes name services, upstreams and plugin
// configs; services name upstreams; consumers name consumer groups. Kept by Registry from what its tables put
// and erase. An object may be named before it is there and after it was deleted. Who uses an object of a
// secrets manager is known by values instead, which plugins may refer to at any depth: secret::Uses.
//
// O(1) for a change, whatever the number of objects; users are kept as addresses, ids are the objects' own.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "shared/base/text.h"
#include "shared/resource/kind.h"

namespace apisix::config {

// What names others: a stored object, kept by the table of its kind. Its address is its identity.
struct Referrer {
  resource::Kind kind;
  std::string id;
};

class References {
 public:
  using Users = std::unordered_set<const Referrer*>;
  // Whether a user counts, by its id.
  using Counts = std::function<bool(const std::string& id)>;

  // `user` stays where it is until remove(). An empty id is no reference.
  void add(const Referrer& user, resource::Kind used, std::string_view id);
  void remove(const Referrer& user, resource::Kind used, std::string_view id);

  const Users& users_of(resource::Kind used, std::string_view id) const;
  // The id of a user of the kind that counts; "" when there is none.
  std::string find_user(resource::Kind used, std::string_view id, resource::Kind user,
                        const Counts& counts) const;

 private:
  using ById = std::unordered_map<std::string, Users, base::StringHash, std::equal_to<>>;

  std::array<ById, resource::kKindCount> users_;  // by the kind of what is used
};

}  // namespace apisix::config
