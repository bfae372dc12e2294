// The redis part of a limit's configuration: `policy` and what goes with it, as a service to call.
#pragma once

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/client/redis_service.h"
#include "shared/format/json.h"
#include "worker/plugin/deps.h"

namespace apisix::plugins {

// Null for policy "local". An Error names what is wrong with an address.
base::Result<base::Ref<client::RedisService>> redis_of(const format::Json& conf, plugin::Deps& deps);

}  // namespace apisix::plugins
