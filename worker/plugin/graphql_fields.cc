#include "worker/plugin/graphql_fields.h"

#include <string>

#include "shared/base/result.h"
#include "shared/format/graphql.h"
#include "shared/format/read.h"
#include "worker/plugin/request_log.h"

namespace apisix::plugin {
namespace {

constexpr char kOwner = 0;  // its address is the owner of the state

base::Result<std::string_view> document_of(RequestState& request, std::size_t bytes_max) {
  if (request.head->method == http::Method::kGet) {
    const auto found = request.target.args.empty() ? std::nullopt : request.query_table().find("query");
    if (!found) return base::invalid("args[query] is nil");
    return found->value;
  }
  const std::string_view body = request.body.bytes();
  if (body.empty()) return base::invalid("request body has zero size");
  if (body.size() > bytes_max) {
    return base::invalid("request size " + std::to_string(body.size()) +
                         " is greater than the maximum size " + std::to_string(bytes_max) + " allowed");
  }
  // As APISIX, which looks at no parameter of the type.
  if (request.head->headers.value(http::KnownHeader::kContentType) != "application/json") return body;
  const format::Json* query = request.body.field("query");
  if (query == nullptr || !query->isString()) return base::invalid("json body[query] is nil");
  return request.arena.copy(format::string_of(*query));
}

}  // namespace

const GraphqlFields* GraphqlFields::find(RequestState& request) {
  auto& fields = request.kept<GraphqlFields>(&kOwner);
  if (fields.is_parsed_) return &fields;
  if (request.head->method == http::Method::kPost && !request.body.is_read()) {
    request.body.ask_for();
    return nullptr;
  }
  fields.is_parsed_ = true;
  if (request.head->method == http::Method::kGet || request.head->method == http::Method::kPost)
    fields.parse(request);
  return &fields;
}

void GraphqlFields::parse(RequestState& request) {
  const auto document = document_of(request, bytes_max_);
  if (!document) {
    log_info(request, "failed to read graphql data, {}", document.error().what);
    return;
  }
  const auto parsed = format::parse_graphql(*document);
  if (!parsed) {
    log_info(request, "failed to parse graphql: {}", parsed.error().what);
    return;
  }
  if (parsed->definitions > 1) {
    log_warn(request, "Multiple operations are not supported. Only the first one is handled");
  }
  is_set_ = true;
  name_ = parsed->name;
  operation_ = parsed->type;
  root_fields_ = format::Json(::Json::arrayValue);
  for (const std::string_view field : parsed->root_fields) root_fields_.append(std::string(field));
}

}  // namespace apisix::plugin
