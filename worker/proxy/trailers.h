// Trailers of a message that passes: what its sender sent behind the body, and what plugins set.
#pragma once

#include <string_view>

#include "shared/base/arena.h"
#include "shared/http/header_map.h"

namespace apisix::proxy {

// Puts what was sent in front of what plugins set, which takes the place of fields of the same name in any
// spelling. `body_changed`: fields that say a digest of it do not hold any more. `fields`: of plugins, then
// all; null: none.
void join_trailers(http::HeaderMap*& fields, const http::HeaderMap& sent, bool body_changed,
                   base::Arena& arena);

// Of the content (RFC 9530 2, RFC 3230 4.3.2, RFC 1864), or of what it represents (RFC 9530 3).
bool is_digest(std::string_view name);

}  // namespace apisix::proxy
