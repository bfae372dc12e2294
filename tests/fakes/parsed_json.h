// JSON of a test's own text, which is valid.
#pragma once

#include <string_view>

#include "shared/format/json.h"

namespace apisix {

inline format::Json json(std::string_view text) {
  return format::parse_json(text).value();
}

}  // namespace apisix
