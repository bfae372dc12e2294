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

Refusal refuse(int status, std::string error_msg) {
  return {status, {std::move(error_msg), {}}};
}

proxy::LocalAnswer refusal_answer(const Refusal& refusal, bool lists_faults) {
  if (!lists_faults || refusal.what.faults.empty())
    return error_answer(refusal.status, refusal.what.error_msg);
  Json body(::Json::objectValue);
  body["error_msg"] = refusal.what.error_msg;
  Json& errors = body["errors"] = Json(::Json::arrayValue);
  for (const format::Fault& fault : refusal.what.faults) errors.append(fault_json(fault));
  return json_answer(refusal.status, body);
}

void add_revision(store::Revision revision, proxy::LocalAnswer& answer) {
  answer.headers.emplace_back("X-Config-Revision", std::to_string(revision));
}

proxy::LocalAnswer key_not_found() {
  Json body(::Json::objectValue);
  body["message"] = "Key not found";
  return json_answer(404, body);
}

Refusal store_refusal(const base::Error& error) {
  const bool refused = error.code == base::ErrorCode::kTooLarge || error.code == base::ErrorCode::kInvalid;
  return refuse(refused ? 400 : 503, error.what);
}

proxy::LocalAnswer store_answer(const base::Error& error) {
  return refusal_answer(store_refusal(error), false);
}

}  // namespace apisix::admin
