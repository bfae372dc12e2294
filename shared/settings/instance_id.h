// The id of this gateway instance: stable over restarts because it is kept in <prefix>/conf/apisix.uid.
#pragma once

#include <string>

#include "shared/base/result.h"
#include "shared/settings/settings.h"

namespace apisix::settings {

// conf/apisix.uid when it has one, else apisix.id, else a new UUIDv4; what was chosen is written to
// conf/apisix.uid. A file that cannot be written is an error.
base::Result<std::string> instance_id(const Settings& settings, const std::string& prefix);

// A random (version 4) UUID, RFC 9562.
base::Result<std::string> random_uuid();

}  // namespace apisix::settings
