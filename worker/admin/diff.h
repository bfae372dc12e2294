// What differs between two JSON values, as JSON Patch (RFC 6902) with what was there
// before. Pure.
#pragma once

#include <string>

#include "shared/format/json.h"

namespace apisix::admin {

// A list of {"op": "add"|"remove"|"replace", "path": JSON pointer, "old": ..., "new": ...}, in the order of
// the members; "old" is missing for add, "new" for remove. Null pointers: there is no such object. Lists of
// the same length are compared element by element, others are replaced as a whole.
format::Json diff_json(const format::Json* before, const format::Json* after);

}  // namespace apisix::admin
