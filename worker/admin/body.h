// The body of a call: JSON, or nothing.
#pragma once

#include <optional>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

// nullopt: there is none.
base::Result<std::optional<format::Json>> parse_body(const proxy::LocalRequest& request);
// The 400 of a body that is no JSON, which is shown again.
proxy::LocalResponse bad_body_response(const proxy::LocalRequest& request, const base::Error& error);

}  // namespace apisix::admin
