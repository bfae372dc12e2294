#include "worker/admin/response.h"

namespace apisix::admin {
namespace {

using format::Json;

Json fault_json(const format::Fault& fault) {
  Json out(::Json::objectValue);
  out["pointer"] = fault.pointer;
  out["rule"] = fault.rule;
  out["message"] = fault.message;
  if (!fault.value.isNull()) out["value"] = fault.value;
  if (!fault.hint.empty()) out["hint"] = fault.hint;
  return out;
}

}  // namespace

Refusal refuse(int status, std::string error_msg) {
  return {status, {std::move(error_msg), {}}};
}

proxy::LocalResponse refusal_response(const Refusal& refusal, bool lists_faults) {
  if (!lists_faults || refusal.what.faults.empty())
    return error_response(refusal.status, refusal.what.error_msg);
  Json body(::Json::objectValue);
  body["error_msg"] = refusal.what.error_msg;
  Json& errors = body["errors"] = Json(::Json::arrayValue);
  for (const format::Fault& fault : refusal.what.faults) errors.append(fault_json(fault));
  return json_response(refusal.status, body);
}

void add_revision(store::Revision revision, proxy::LocalResponse& response) {
  response.headers.emplace_back("X-Config-Revision", std::to_string(revision));
}

proxy::LocalResponse key_not_found() {
  Json body(::Json::objectValue);
  body["message"] = "Key not found";
  return json_response(404, body);
}

Refusal store_refusal(const base::Error& error) {
  const bool refused = error.code == base::ErrorCode::kTooLarge || error.code == base::ErrorCode::kInvalid;
  return refuse(refused ? 400 : 503, error.what);
}

proxy::LocalResponse store_response(const base::Error& error) {
  return refusal_response(store_refusal(error), false);
}

}  // namespace apisix::admin
