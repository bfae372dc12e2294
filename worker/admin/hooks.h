// What validation has to ask other rooms: whether an expression compiles, and which plugins there are.
#pragma once

#include "shared/resource/validate.h"
#include "worker/config/registry.h"

namespace apisix::admin {

resource::ValidateHooks make_hooks(config::Registry& registry);

}  // namespace apisix::admin
