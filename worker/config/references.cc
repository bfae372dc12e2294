#include "worker/config/references.h"

#include <algorithm>

namespace apisix::config {

void References::add(const Referrer& user, resource::Kind used, std::string_view id) {
  if (id.empty()) return;
  users_[static_cast<std::size_t>(used)][std::string(id)].insert(&user);
}

void References::remove(const Referrer& user, resource::Kind used, std::string_view id) {
  ById& by_id = users_[static_cast<std::size_t>(used)];
  const auto found = by_id.find(id);
  if (found == by_id.end()) return;
  found->second.erase(&user);
  if (found->second.empty()) by_id.erase(found);
}

const References::Users& References::users_of(resource::Kind used, std::string_view id) const {
  static const Users kNone;
  const ById& by_id = users_[static_cast<std::size_t>(used)];
  const auto found = by_id.find(id);
  return found == by_id.end() ? kNone : found->second;
}

std::string References::find_user(resource::Kind used, std::string_view id, resource::Kind user,
                                  const Counts& counts) const {
  const Users& users = users_of(used, id);
  const auto found =
      std::ranges::find_if(users, [&](const Referrer* one) { return one->kind == user && counts(one->id); });
  return found == users.end() ? "" : (*found)->id;
}

}  // namespace apisix::config
