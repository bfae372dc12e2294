// create_time and update_time of an object, which the server writes.
#pragma once

#include <cstdint>

#include "shared/format/json.h"

namespace apisix::admin {

// Those that `value` has stay. create_time is that of `previous`, if any, else `now`; in Unix seconds.
void stamp(format::Json& value, std::int64_t now, const format::Json* previous);

}  // namespace apisix::admin
