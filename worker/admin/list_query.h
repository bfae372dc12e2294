// Filters and paging of GET on a collection.
#pragma once

#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/resource/kind.h"

namespace apisix::admin {

// `items` are responses for single objects ({key, value, createdIndex, modifiedIndex}). Drops those that the
// query filters out (name, uri: PCRE searches; label: a label's key; filter=: service_id, upstream_id), and
// returns {list, total}: total counts before paging. The error is the text of a 400.
base::Result<format::Json> select_items(resource::Kind kind, std::vector<format::Json> items,
                                        std::string_view query);

}  // namespace apisix::admin
