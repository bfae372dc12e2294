// What every key of config.yaml is when the user's file does not name it: one JSON value, in config.yaml's
// own shape. Settings' member initialisers say the same; a test compares the two.
#pragma once

#include "shared/format/json.h"

namespace apisix::settings {

using format::Json;

const Json& default_config();

}  // namespace apisix::settings
