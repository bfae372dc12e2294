// What would become of a request, and what is wrong with the configuration; docs/EXPLAIN_AND_LINT.md.
#include "shared/format/json_utf8.h"
#include "worker/control/endpoints.h"
#include "worker/diagnose/explain.h"
#include "worker/diagnose/lint.h"

namespace apisix::control {

// 400 with {"error_msg"} when the question makes no sense.
Reply explain(const Call& call) {
  const auto body = format::parse_json_utf8(call.request.body);
  if (!body) co_return proxy::error_answer(400, "invalid request body: " + body.error().what);
  auto question = diagnose::Question::parse(*body);
  if (!question) co_return proxy::error_answer(400, question.error().what);
  const World& world = call.world;
  co_return proxy::json_answer(
      200, co_await diagnose::explain(world.loop, world.registry, world.settings, std::move(*question)));
}

// 429 while another one is under way, 503 when the store does not answer.
Reply lint(const Call& call) {
  const World& world = call.world;
  const auto report = co_await diagnose::lint(world.loop, world.store, world.registry, world.settings);
  if (report) co_return proxy::json_answer(200, *report);
  const bool is_busy = report.error().code == base::ErrorCode::kConflict;
  co_return proxy::error_answer(is_busy ? 429 : 503, report.error().what);
}

}  // namespace apisix::control
