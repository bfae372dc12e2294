// Accept-Encoding (RFC 9110 12.5.3): whether a content coding may be used for the response.
#pragma once

#include <string_view>

#include "shared/http/header_map.h"

namespace apisix::http {

// `coding` is named with a weight above 0, or "*" is and `coding` is not named. Without the field: no.
bool accepts_coding(const HeaderMap& request_headers, std::string_view coding);

}  // namespace apisix::http
