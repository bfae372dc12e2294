// Conditional requests (RFC 9110 section 13): whether a response that is known by an entity tag and a date
// has to be sent at all. Pure; the caller has found the representation and would respond with 200.
#pragma once

#include <cstdint>
#include <string_view>

#include "shared/http/header_map.h"

namespace apisix::http {

struct Validators {
  std::string_view etag = {};  // with its quotes, and W/ when it is weak
  std::int64_t last_modified_s = 0;
};

enum class Condition : std::uint8_t {
  kHolds,        // respond as if there were no condition
  kNotModified,  // 304
  kFailed,       // 412
};

// In the order of RFC 9110 13.2.2, for GET and HEAD. If-Modified-Since asks for the very date, as nginx does
// (if_modified_since exact): a file that was replaced by an older one has changed. A date that is none is no
// condition.
Condition evaluate_conditions(const HeaderMap& request_headers, const Validators& current);

}  // namespace apisix::http
