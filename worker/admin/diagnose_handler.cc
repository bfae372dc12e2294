#include "worker/admin/diagnose_handler.h"

#include "worker/admin/body.h"
#include "worker/admin/catch_up.h"
#include "worker/admin/openapi.h"
#include "worker/admin/response.h"
#include "worker/config/registry.h"
#include "worker/diagnose/explain.h"
#include "worker/diagnose/lint.h"

namespace apisix::admin {

using proxy::LocalResponse;

async::Task<std::optional<LocalResponse>> DiagnoseHandler::serve(const proxy::LocalRequest& request,
                                                                 std::string_view path) {
  if (path == "explain") {
    if (request.method != "POST") co_return error_response(405, "use POST to have a request explained");
    co_return co_await explain(request);
  }
  if (path == "lint" && request.method == "GET") co_return co_await lint();
  if (path == "openapi.json" && request.method == "GET") {
    co_return json_response(200, make_openapi(context_.registry.plugins(), context_.settings));
  }
  co_return std::nullopt;
}

// By what the caller wrote before: a worker that has not applied it yet would explain the past.
async::Task<LocalResponse> DiagnoseHandler::explain(const proxy::LocalRequest& request) {
  const auto body = parse_body(request);
  if (!body) co_return bad_body_response(request, body.error());
  auto question = diagnose::Question::parse(body->value_or(format::Json()));
  if (!question) co_return error_response(400, question.error().what);
  co_await catch_up(context_.loop, context_.store, context_.registry,
                    context_.settings.deployment.etcd.prefix);
  co_return json_response(200, co_await diagnose::explain(context_.loop, context_.registry, context_.settings,
                                                          std::move(*question)));
}

async::Task<LocalResponse> DiagnoseHandler::lint() {
  co_await catch_up(context_.loop, context_.store, context_.registry,
                    context_.settings.deployment.etcd.prefix);
  const auto report =
      co_await diagnose::lint(context_.loop, context_.store, context_.registry, context_.settings);
  if (report) co_return json_response(200, *report);
  if (report.error().code == base::ErrorCode::kConflict) co_return error_response(429, report.error().what);
  co_return store_response(report.error());
}

}  // namespace apisix::admin
