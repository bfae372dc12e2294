// What validation has to ask other rooms: whether an expression compiles, and which plugins there are.
#pragma once

#include "shared/resource/validate.h"

namespace apisix::admin {

resource::ValidateHooks make_hooks();

}  // namespace apisix::admin
