// Which config.yaml a command means.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/settings/load.h"

namespace apisix::settings {

// "<prefix>/conf/<name>.<extension>", or "<name>-<profile>" when APISIX_PROFILE is set and not empty.
std::string profile_path(const std::string& prefix, std::string_view name, std::string_view extension,
                         const EnvironmentLookup& environment);

// Below data/, for as long as one master runs: a new start begins without them.
// The last good apisix.<extension>, for workers that start while the file is faulty.
std::string last_good_path(const std::string& prefix, std::string_view extension);
// What was pushed by PUT /apisix/admin/configs, as a local store.
std::string pushed_store_path(const std::string& prefix);

// <prefix>/conf/.customized_config_path, which `apisix start -c` writes.
std::string customized_config_index(const std::string& prefix);

// The file of: `given` ("-c", relative to the current directory) if not empty; else the path stored in
// conf/.customized_config_path; else profile_path(prefix, "config", "yaml"). Absolute. Does not check that
// it exists.
base::Result<std::string> resolve_config_path(const std::string& prefix, const std::string& given,
                                              const EnvironmentLookup& environment = own_environment);

}  // namespace apisix::settings
