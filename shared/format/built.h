// The one place where an exception ends: building an object (a plugin, a route, an upstream) of values that
// others wrote. Readers do not throw (read.h) and schemas refuse what they must not meet, so this is for what
// both missed: it must cost that object and not the worker, which serves all others.
#pragma once

#include <exception>
#include <string>
#include <type_traits>

#include "shared/base/check_scope.h"
#include "shared/base/result.h"

namespace apisix::format {

// build(), a Result or Status; an exception of it, or a CHECK that fails in it, as an error. Not for
// coroutines: what they throw after their first wait does not come through here.
template <typename Build>
std::invoke_result_t<Build> built(Build&& build) {
  try {
    const base::CheckScope checks_throw;
    return build();
  } catch (const std::exception& error) {
    return base::invalid(std::string("it cannot be built: ") + error.what());
  }
}

}  // namespace apisix::format
