// Which store this process reads its configuration from, as config.yaml says.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"

namespace apisix::store {

// The file of the embedded store that the other processes serve from; inode 0: there are none.
struct SharedFile {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool is_checked = false;  // just now
};

// Nothing where the configuration is not in an embedded store.
std::optional<std::string> local_store_path(const settings::Settings& settings, const std::string& prefix);

// Before Ready; it may wait for the disk. `prefix`: the instance's folder.
base::Result<std::unique_ptr<Store>> open_store(event::Loop& loop, const settings::Settings& settings,
                                                const std::string& prefix, const SharedFile& file = {});

}  // namespace apisix::store
