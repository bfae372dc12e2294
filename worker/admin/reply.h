// Answers of the Admin API: JSON with a newline behind it, errors as APISIX words them.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/resource/validation.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

proxy::LocalAnswer json_answer(int status, const format::Json& body);
// {"error_msg": "..."}
proxy::LocalAnswer error_answer(int status, std::string_view error_msg);
// The same, and every fault in "errors": JSON pointer, rule, value, hint.
proxy::LocalAnswer invalid_answer(const resource::Validation& validation);
// {"message": "Key not found"}
proxy::LocalAnswer key_not_found();
// The store did not do what was asked: 503, or 400 for what it refused.
proxy::LocalAnswer store_answer(const base::Error& error);

}  // namespace apisix::admin
