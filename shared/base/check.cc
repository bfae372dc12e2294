#include "shared/base/check.h"

#include <cstdlib>

#include "shared/base/log.h"

namespace apisix::base {

void check_failed(const char* condition, const char* file, int line) {
  log(LogLevel::kAlert, "check failed: {} at {}:{}", condition, file, line);
  std::abort();
}

}  // namespace apisix::base
