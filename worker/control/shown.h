// How the Control API shows what is in force, in the shape that APISIX keeps it in: defaults filled in, nodes
// as an array, the id as text. Encrypted fields stay as they are stored.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "worker/config/object_table.h"
#include "worker/control/endpoints.h"

namespace apisix::control {

// "routes", "services", "upstreams", "stream_routes".
struct ShownObject {
  std::string key;  // as APISIX names it: "/apisix/routes/1"; "/routes/1" when it comes from a file
  format::Json value;
  store::Revision create_revision = 0;
  store::Revision mod_revision = 0;
  bool has_domain = false;  // a node of it is a name
};

ShownObject show(const Deps& deps, std::string_view kind, std::string_view id,
                 const config::ObjectInForce& object);

// All objects of a kind, oldest first. Between some of them other work of the worker gets its turn: one that
// comes or goes meanwhile may be missing. `visit` gets the id and what is in force.
using Visit = std::function<void(const std::string& id, const config::ObjectInForce& object)>;
async::Task<void> visit_all(const Deps& deps, std::string_view kind, Visit visit);

// An array as Lua's encoder writes it, which clients of APISIX rely on: an empty one is {}.
format::Json lua_array(format::Json array);

// The first segment of `path`, which is moved behind it and its slash.
std::string_view take_segment(std::string_view& path);

}  // namespace apisix::control
