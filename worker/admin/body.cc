#include "worker/admin/body.h"

#include "shared/format/json_fault.h"
#include "shared/format/json_utf8.h"
#include "worker/admin/response.h"

namespace apisix::admin {

base::Result<std::optional<format::Json>> parse_body(const proxy::LocalRequest& request) {
  if (request.body.empty()) return std::nullopt;
  auto body = format::parse_json_utf8(request.body);
  if (!body) return base::invalid(format::json_refusal(request.body, body.error().what));
  return std::optional(std::move(*body));
}

proxy::LocalResponse bad_body_response(const proxy::LocalRequest& request, const base::Error& error) {
  format::Json out(::Json::objectValue);
  out["error_msg"] = "invalid request body: " + error.what;
  out["req_body"] = request.body;
  return json_response(400, out);
}

}  // namespace apisix::admin
