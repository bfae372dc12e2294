// ServerNames: which names of certificates no route is for: a client gets through the handshake, and then
// 404.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "shared/base/text.h"
#include "shared/format/json.h"
#include "worker/diagnose/findings.h"
#include "worker/route/route_entry.h"

namespace apisix::diagnose {

class ServerNames {
 public:
  // Of an object that serves clients; of others nothing is kept.
  void add(const std::string& id, const format::Json& ssl);
  // Of a route that is in the router.
  void add_hosts(const route::RouteEntry& entry);

  // Nothing when a route is for every host, or when there is no route at all.
  void report(Findings& out) const;

 private:
  struct Name {
    std::string id;    // of the object
    std::string name;  // normal
  };
  using Texts = std::unordered_set<std::string, base::StringHash, std::equal_to<>>;

  bool has_route(std::string_view name) const;

  std::vector<Name> names_;
  bool has_routes_ = false;
  bool takes_every_host_ = false;
  Texts hosts_;
  Texts parents_;    // what follows the first label of each of them: ".x.com"
  Texts wildcards_;  // what follows the '*': ".x.com"
};

}  // namespace apisix::diagnose
