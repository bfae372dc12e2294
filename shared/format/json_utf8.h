// JSON that must be UTF-8 (RFC 8259 8.1): what administrators write. Objects with other bytes in them could
// not be shown again.
#pragma once

#include <string_view>

#include "shared/format/json.h"

namespace apisix::format {

// parse_json() of a text that is UTF-8, and whose strings are: an escape of half a surrogate pair stands for
// no character. The error says where the first fault is.
base::Result<Json> parse_json_utf8(std::string_view text);

// The same of a value that was parsed from something else. Names of members count as strings.
base::Status check_utf8(const Json& value);

}  // namespace apisix::format
