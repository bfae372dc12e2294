// All faults of a value, with hints. Only runs after a value was refused: it may be slow. Internal to
// schema_*.cc.
#pragma once

#include <vector>

#include "shared/format/json.h"
#include "shared/format/schema.h"
#include "shared/format/schema_node.h"

namespace apisix::format {

// Empty exactly when SchemaCheck::run() succeeds on a copy of `value`.
std::vector<Fault> find_schema_faults(const SchemaNode& root, const Json& value);

}  // namespace apisix::format
