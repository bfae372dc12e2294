// PATCH in both forms: a whole object merged into the stored one, or the value of one sub-path.
#pragma once

#include <string_view>

#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::admin {

// Recursive: objects merge, null removes a member, everything else (arrays too) replaces.
void merge_patch(format::Json& target, const format::Json& patch);

// Replaces what is at "a/b/c", making objects on the way; an empty last segment replaces everything.
// Error: the path leads through something that is no object: "invalid sub-path: /a/b".
base::Status patch_sub_path(format::Json& target, std::string_view sub_path, const format::Json& value);

}  // namespace apisix::admin
