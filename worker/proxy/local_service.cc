#include "worker/proxy/local_service.h"

#include "worker/proxy/direct_response.h"

namespace apisix::proxy {

LocalResponse page_response(std::uint16_t status) {
  base::Arena arena;
  const plugin::DirectResponse page = make_error_page(status, arena);
  return {status, std::string(page.content_type), std::string(page.body), {}};
}

LocalResponse json_response(int status, const format::Json& body) {
  return {status, "application/json", format::to_json(body) + "\n", {}};
}

LocalResponse error_response(int status, std::string_view error_msg) {
  format::Json body(::Json::objectValue);
  body["error_msg"] = std::string(error_msg);
  return json_response(status, body);
}

bool LocalService::admits(const base::IpAddress&) {
  return true;
}

LocalResponse LocalService::too_large(const LocalRequest&, std::uint64_t) const {
  return {413, "application/json", "{\"error_msg\":\"request body is too large\"}\n", {}};
}

}  // namespace apisix::proxy
