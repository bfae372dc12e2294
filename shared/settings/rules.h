// Checks that need more than one section of config.yaml, or the environment.
#pragma once

#include "shared/settings/load.h"
#include "shared/settings/report.h"

namespace apisix::settings {

void check_rules(const Json& merged, const Settings& settings, const EnvironmentLookup& environment,
                 Report& report);

// Notes for keys that mean something to nginx or OpenResty only and are set to something.
void note_keys_without_effect(const Json& merged, Report& report);

}  // namespace apisix::settings
