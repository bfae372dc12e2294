// POST configs/validate: would a whole standalone document be accepted? Every item of every list is asked the
// questions of its kind's PUT, except whether what it names exists. Nothing is stored.
#pragma once

#include "shared/async/task.h"
#include "shared/format/json.h"
#include "worker/admin/write_rules.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

// Of a parsed document, an array of everything that is wrong: {resource_type, resource_id, index, error};
// index from 0. Empty: all is well.
async::Task<format::Json> check_document(const format::Json& document, const WriteRules& rules);

// The answer to a request with a document as its body, in YAML when its Content-Type says so.
async::Task<proxy::LocalAnswer> validate_document(const proxy::LocalRequest& request,
                                                  const WriteRules& rules);

}  // namespace apisix::admin
