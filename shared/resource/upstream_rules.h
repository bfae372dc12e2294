// The rules of an upstream that its schema cannot tell: reference 2.3, "beyond the field list".
#pragma once

#include <string>

#include "shared/format/json.h"
#include "shared/resource/validate.h"

namespace apisix::resource {

// "invalid configuration: IPv6 address must be enclosed with '[' and ']'": asked before an upstream's own
// schema. `nodes` may be anything.
void check_ipv6_brackets(const format::Json& upstream, const std::string& at, Validation& out);

// For an upstream that matches its schema, defaults filled in.
void check_upstream_rules(const format::Json& upstream, const std::string& at, const ValidateContext& context,
                          Validation& out);

}  // namespace apisix::resource
