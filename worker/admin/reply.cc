#include "worker/admin/reply.h"

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

proxy::LocalAnswer json_answer(int status, const Json& body) {
  return {status, "application/json", format::to_json(body) + "\n", {}};
}

proxy::LocalAnswer error_answer(int status, std::string_view error_msg) {
  Json body(::Json::objectValue);
  body["error_msg"] = std::string(error_msg);
  return json_answer(status, body);
}

proxy::LocalAnswer invalid_answer(const resource::Validation& validation) {
  Json body(::Json::objectValue);
  body["error_msg"] = validation.error_msg;
  Json& errors = body["errors"] = Json(::Json::arrayValue);
  for (const format::Fault& fault : validation.faults) errors.append(fault_json(fault));
  return json_answer(400, body);
}

proxy::LocalAnswer key_not_found() {
  Json body(::Json::objectValue);
  body["message"] = "Key not found";
  return json_answer(404, body);
}

proxy::LocalAnswer store_answer(const base::Error& error) {
  const bool refused = error.code == base::ErrorCode::kTooLarge || error.code == base::ErrorCode::kInvalid;
  return error_answer(refused ? 400 : 503, error.what);
}

}  // namespace apisix::admin
