// ${{VAR}} and ${{VAR:=default}} in the values and keys of a parsed configuration.
#pragma once

#include "shared/format/variables.h"
#include "shared/format/yaml.h"
#include "shared/settings/load.h"
#include "shared/settings/report.h"

namespace apisix::settings {

using Variables = format::Variables;

// Replaces every variable in `user`, also in names of keys (their lines move along). A value that was made
// from a variable becomes a number or a boolean when it looks like one, unless its key holds text. A variable
// that is not set and has no default is a fault. Adds what was used to `used`.
void replace_variables(format::Yaml& user, const EnvironmentLookup& environment, Report& report,
                       Variables& used);

}  // namespace apisix::settings
