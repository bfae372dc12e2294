// What a configuration may hold in a place where something else is meant, and the places: every property that
// a JSON Schema names, in turn, of an object that is valid otherwise. Shared by unit tests and fuzzers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "shared/format/json.h"

namespace apisix::hostile {

using format::Json;

// One member name or, for arrays, "0" behind a '#'.
using Place = std::vector<std::string>;

// The bounds of C++ types and of doubles, fractions, strings, empty and deep and long values.
const std::vector<Json>& values();

// The least that matches, as far as it can be derived; null: nothing was found.
Json sample_of(const Json& schema);

// Calls `visit` with each place that the schema names below its root, and what it says of it there.
void walk(const Json& schema, const std::function<void(const Place& place, const Json& node)>& visit);

// `value` at the place. What the schema wants around it is there when it is not in `object` already.
Json with(const Json& object, const Json& schema, const Place& place, const Json& value);

// The bounds that a schema names, and what is just beyond them.
std::vector<Json> bounds_of(const Json& node);

std::string text_of(const Place& place);

}  // namespace apisix::hostile
