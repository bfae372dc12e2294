// Neighbours: the stored paths of some routes, to be asked which others stand at one of them. Only such
// routes can come before one another, so that a few can be looked at without looking at all.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>

#include "shared/base/text.h"
#include "worker/route/route_entry.h"
#include "worker/route/router.h"

namespace apisix::diagnose {

class Neighbours {
 public:
  explicit Neighbours(route::RouterKind kind) : kind_(kind) {}

  // False: all of its paths were there.
  bool add(const route::RouteEntry& entry);
  bool touches(const route::RouteEntry& entry) const;

 private:
  const route::RouterKind kind_;
  // By the path as it is stored: '=' for an exact one or '*', and the host pattern.
  std::unordered_map<std::string, std::set<std::string>, base::StringHash, std::equal_to<>> places_;
};

}  // namespace apisix::diagnose
