// The id of this gateway instance: stable over restarts because it is kept in <prefix>/conf/apisix.uid, or in
// <prefix>/data/apisix.uid where conf/ cannot be written.
#pragma once

#include <string>

#include "shared/base/result.h"
#include "shared/settings/settings.h"

namespace apisix::settings {

struct InstanceId {
  std::string text;
  std::string remark;  // where it is kept, when that is not conf/apisix.uid, and why; else empty
};

// conf/apisix.uid when it has one, else apisix.id, else data/apisix.uid, else a new UUIDv4. What was chosen
// is written to conf/apisix.uid. A folder that cannot be written is no error, as in APISIX: one that was made
// up is written to data/apisix.uid then, and lasts only as long as the gateway where that fails as well.
base::Result<InstanceId> instance_id(const Settings& settings, const std::string& prefix);

// A random (version 4) UUID, RFC 9562.
base::Result<std::string> random_uuid();

}  // namespace apisix::settings
