// Ids: what they may look like, which of the path's and the body's counts, and what a client must not write.
// The texts are those of APISIX's Admin API.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/resource/kind.h"

namespace apisix::resource {

// Letters, digits, '-', '_', '.'; 1 to 64 of them.
bool is_valid_id_text(std::string_view id);
// That, or a whole number from 1 on.
bool is_valid_id(const format::Json& id);

// Which id does a write have? That of the path ("" = none), else that of the body; both must be the same.
// Puts it into the body as APISIX stores it, and returns it as text. `needs_id` is false for POST, which
// must not have one. A secret's id is "manager/id". Kinds without has_body_id are left alone, and give the
// path's. Whether the id is well-formed is a matter of the schema that follows.
base::Result<std::string> normalize_id(Kind kind, std::string_view path_id, bool needs_id,
                                       format::Json& body);

// create_time and update_time belong to the server: refused at the top, in `upstream` and in `plugins`.
base::Status refuse_timestamps(const format::Json& body);

}  // namespace apisix::resource
