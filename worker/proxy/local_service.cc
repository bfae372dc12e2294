#include "worker/proxy/local_service.h"

#include "worker/proxy/local_reply.h"

namespace apisix::proxy {

LocalAnswer page_answer(std::uint16_t status) {
  base::Arena arena;
  const plugin::LocalReply page = make_error_page(status, arena);
  return {status, std::string(page.content_type), std::string(page.body), {}};
}

LocalAnswer LocalService::too_large(const LocalRequest&, std::uint64_t) const {
  return {413, "application/json", "{\"error_msg\":\"request body is too large\"}\n", {}};
}

}  // namespace apisix::proxy
