// CHECK(condition): an invariant of ours. A false one is our bug: say where, and die; the master
// starts a new process. Never used for anything that a client, an upstream or an operator can cause.
#pragma once

namespace apisix::base {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace apisix::base

#define CHECK(condition)                                            \
  do {                                                              \
    if (!(condition)) [[unlikely]]                                  \
      ::apisix::base::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
