// Responses of the Admin API: JSON with a newline behind it, errors as APISIX words them.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/resource/validation.h"
#include "shared/store/store.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

// Why a call is not done: the status and the faults of the response.
struct Refusal {
  int status = 400;
  resource::Validation what;
};

// One fault that is no member's.
Refusal refuse(int status, std::string error_msg);

using proxy::error_response;
using proxy::json_response;
// The same; with `lists_faults` and where there are any, each fault in "errors": JSON pointer, rule, value,
// hint.
proxy::LocalResponse refusal_response(const Refusal& refusal, bool lists_faults);
// The header X-Config-Revision: of the store after a write, or at which a list is exact.
void add_revision(store::Revision revision, proxy::LocalResponse& response);
// {"message": "Key not found"}
proxy::LocalResponse key_not_found();
// The store did not do what was asked: 503, or 400 for what it refused.
proxy::LocalResponse store_response(const base::Error& error);
Refusal store_refusal(const base::Error& error);

}  // namespace apisix::admin
