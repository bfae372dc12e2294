#include "worker/log_format_check.h"

#include "worker/proxy/log_format.h"

namespace apisix::worker {

std::optional<std::string> find_unknown_log_variable(std::string_view format) {
  return proxy::LogFormat(format, proxy::Escape::kDefault).find_unknown_variable();
}

}  // namespace apisix::worker
