// Which store this process reads its configuration from, as config.yaml says.
#pragma once

#include <memory>
#include <string>

#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"

namespace apisix::store {

// Before Ready; it may wait for the disk. `prefix`: the instance's folder.
base::Result<std::unique_ptr<Store>> open_store(event::Loop& loop, const settings::Settings& settings,
                                                const std::string& prefix);

}  // namespace apisix::store
