// What would become of a request, and what is wrong with the configuration; docs/EXPLAIN_AND_LINT.md.
#include "shared/format/json_utf8.h"
#include "worker/config/registry.h"
#include "worker/control/endpoints.h"
#include "worker/diagnose/explain.h"
#include "worker/diagnose/lint.h"

namespace apisix::control {

// 400 with {"error_msg"} when the question makes no sense.
ResponseTask explain(const Call& call) {
  const auto body = format::parse_json_utf8(call.request.body);
  if (!body) co_return proxy::error_response(400, "invalid request body: " + body.error().what);
  auto question = diagnose::Question::parse(*body);
  if (!question) co_return proxy::error_response(400, question.error().what);
  const Deps& deps = call.deps;
  co_return proxy::json_response(
      200, co_await diagnose::explain(deps.loop, deps.registry, deps.settings, std::move(*question)));
}

// 429 while another run is in progress, 503 when the store does not reply.
ResponseTask lint(const Call& call) {
  const Deps& deps = call.deps;
  const auto report = co_await diagnose::lint(deps.loop, deps.store, deps.registry, deps.settings);
  if (report) co_return proxy::json_response(200, *report);
  const bool is_busy = report.error().code == base::ErrorCode::kConflict;
  co_return proxy::error_response(is_busy ? 429 : 503, report.error().what);
}

}  // namespace apisix::control
