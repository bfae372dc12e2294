// A set of changes that shall happen together: the body of POST /apisix/admin/configs/apply, or what brings
// back an older state. Objects to put are written as in apisix.yaml, list by list; those to delete by ids:
//   {"put": {"routes": [{"id": "1", ...}], ...}, "delete": {"upstreams": ["7"], ...}}
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/format/schema.h"
#include "worker/admin/resource_path.h"
#include "worker/admin/response.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::admin {

inline constexpr std::size_t kSetChangesMax = 4000;

struct SetChange {
  std::string list;                   // "routes"
  std::optional<unsigned> index;      // in the list of the body, from 0; none: not from a body
  ResourcePath path;                  // of the object
  std::optional<format::Json> value;  // to put, without what is only the document's; nothing: deleted
  bool is_implied = false;            // deleted with the object that it belongs to
  bool is_stored = false;             // `value` was stored once, and keeps its create_time

  bool is_delete() const { return !value; }
  std::string key() const { return resource::store_key(path.kind, path.item_id()); }  // below the prefix
};

struct SetFault {
  std::string list;
  bool is_delete = false;
  std::string id;
  std::optional<unsigned> index;
  format::Fault fault;  // pointer: within the object
};

struct ChangeSet {
  std::vector<SetChange> changes;
  std::vector<SetFault> faults;  // of elements that are none
};

// "jack/credentials/c1" -> its parts.
ResourcePath path_of_item(const resource::ItemKey& key);

// The error is the text of a 400: the body is no such set at all.
base::Result<ChangeSet> read_change_set(format::Json body);

// Consumers and credentials of one set that are recognised by the same. `owners`: of those asked before.
void check_unique_keys(const SetChange& change, const plugin::PluginSet& plugins,
                       std::map<std::string, const SetChange*>& owners, std::vector<SetFault>& faults);
void add_fault(const SetChange& change, std::string rule, std::string text, std::vector<SetFault>& faults);
void add_faults(const SetChange& change, const Refusal& refusal, std::vector<SetFault>& faults);
// {"error_msg": ..., "errors": [{"resource_type", "op", "resource_id", "index", "error", "pointer", ...}]}
format::Json faults_json(const std::vector<SetFault>& faults);

}  // namespace apisix::admin
