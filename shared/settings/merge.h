// The user's configuration over the defaults, and the places that keys had in APISIX 2.x.
#pragma once

#include "shared/format/yaml.h"
#include "shared/settings/report.h"

namespace apisix::settings {

// Maps merge, lists and scalars replace, null deletes. Types are not compared here: check_keys() knows what
// each key may hold. An empty map changes nothing.
void merge_over(Json& target, const Json& user);

// Moves what stands at a place of APISIX 2.x to that of 3.x, with a warning each, unless the new place is
// taken too. Moved keys keep their line.
void move_deprecated_keys(format::Yaml& user, Report& report);

// The value at "a.b.c" (no list indexes), or null. Never inserts.
const Json& at_path(const Json& root, std::string_view path);

// The place for "a.b.c", made of maps as needed; null when something on the way is not a map.
Json* make_path(Json& root, std::string_view path);

}  // namespace apisix::settings
