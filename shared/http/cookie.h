// The cookies of a request (RFC 6265 4.2): "a=1; b=2".
#pragma once

#include <optional>
#include <string_view>

#include "shared/http/header_map.h"

namespace apisix::http {

// The value of the first cookie of that name (case-sensitive), white space around it removed, quotes and
// escapes left as they are.
std::optional<std::string_view> find_cookie(std::string_view cookie_header, std::string_view name);
// The same over all Cookie fields of a message (HTTP/2 may split them).
std::optional<std::string_view> find_cookie(const HeaderMap& headers, std::string_view name);
// Takes the cookies of that name out; the others stay as they were written. A field that is left without any
// goes.
void remove_cookie(HeaderMap& headers, std::string_view name, base::Arena& arena);

}  // namespace apisix::http
