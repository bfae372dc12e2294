// Does a request's host satisfy a route's host pattern? Patterns are in lower case: "foo.com", "*.foo.com",
// "*foo.com" (the rest is a suffix, of any depth), "*", "foo.com:8080".
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "shared/base/ip.h"
#include "worker/route/text_list.h"

namespace apisix::route {

// `host` is in lower case and without port; `authority` is "host[:port]" in any case, which is what a pattern
// with a ':' is compared with ("" = there is none, then `host`). Both are without a dot at the host's end, as
// patterns are.
bool host_matches(std::string_view pattern, std::string_view host, std::string_view authority);

// nullopt when none matches; of several the first. A view of `patterns`.
std::optional<std::string_view> find_matching_host(const TextList& patterns, std::string_view host,
                                                   std::string_view authority);

bool address_in(std::span<const base::Cidr> blocks, const base::IpAddress& address);

}  // namespace apisix::route
