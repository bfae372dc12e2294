// The resolver that config.yaml asks for: apisix.dns_resolver and what belongs to it.
#pragma once

#include "shared/base/result.h"
#include "shared/resolve/resolver.h"
#include "shared/settings/settings.h"

namespace apisix::resolve {

base::Result<ResolverConfig> configured_resolver(const settings::Settings& settings);

}  // namespace apisix::resolve
