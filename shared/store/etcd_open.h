// The etcd store as config.yaml asks for it, without gRPC in sight: for the worker, the agent and the
// commands.
#pragma once

#include <memory>
#include <string>

#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/etcd_options.h"
#include "shared/store/store.h"

namespace apisix::store {

// deployment.etcd, with the bundle of trusted certificates looked up when an endpoint speaks TLS.
base::Result<EtcdOptions> etcd_options(const settings::Settings& settings);

// After fork(). Waits for nothing. Errors: a malformed endpoint, a certificate that cannot be read.
base::Result<std::unique_ptr<Store>> open_etcd(event::Loop& loop, const settings::Settings& settings);

}  // namespace apisix::store
