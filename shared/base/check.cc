#include "shared/base/check.h"

#include <cstdlib>

#include <fmt/format.h>

#include "shared/base/check_scope.h"
#include "shared/base/log.h"

namespace apisix::base {
namespace {

thread_local int scopes = 0;

}  // namespace

CheckScope::CheckScope() {
  ++scopes;
}

CheckScope::~CheckScope() {
  --scopes;
}

void check_failed(const char* condition, const char* file, int line) {
  log(LogLevel::kAlert, "check failed: {} at {}:{}", condition, file, line);
  if (scopes > 0) throw CheckFailed(fmt::format("check failed: {} at {}:{}", condition, file, line));
  std::abort();
}

}  // namespace apisix::base
