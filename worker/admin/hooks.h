// What validation has to ask other rooms: whether an expression compiles, which plugins there are, whether
// a certificate is one.
#pragma once

#include "shared/resource/validate.h"
#include "shared/settings/settings.h"
#include "worker/config/registry.h"

namespace apisix::admin {

// `registry` outlives the hooks.
resource::ValidateHooks make_hooks(config::Registry& registry, const settings::Settings& settings);

}  // namespace apisix::admin
