// What validation has to ask other rooms: whether an expression compiles, which plugins there are, whether
// a certificate is one.
#pragma once

#include "shared/base/keyring.h"
#include "shared/resource/validate.h"
#include "worker/config/registry.h"

namespace apisix::admin {

// `registry` outlives the hooks. `keyring`: private keys may come as they are stored.
resource::ValidateHooks make_hooks(config::Registry& registry, base::Keyring keyring);

}  // namespace apisix::admin
