// Checks a configuration against the table of keys: types, ranges, choices; unknown keys become warnings
// with the nearest known name, because APISIX accepts them silently.
#pragma once

#include <string>
#include <string_view>

#include "shared/settings/keys.h"
#include "shared/settings/report.h"

namespace apisix::settings {

// Faults and warnings of everything in `config`.
void check_keys(const Json& config, Report& report);

// One value against one row; empty when it fits, else what was expected: "a number from 1 to 65535".
std::string misfit(const Key& key, const Json& value);

// "apisix.ssl.listen[2].port" -> "apisix.ssl.listen[].port"; names of free members stay as they are.
std::string pattern_of(std::string_view path);

// The row for a concrete path, taking "*" where no exact row exists; null when there is none.
const Key* find_key_of_path(std::string_view path);

}  // namespace apisix::settings
