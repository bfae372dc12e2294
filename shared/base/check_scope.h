// While a CheckScope lives, a CHECK that fails on its thread throws CheckFailed and does not end the process.
// For the one kind of work whose failure can be left to one object: building it of values that others wrote.
#pragma once

#include <stdexcept>

namespace apisix::base {

class CheckFailed : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

class CheckScope {
 public:
  CheckScope();
  ~CheckScope();
  CheckScope(const CheckScope&) = delete;
  CheckScope& operator=(const CheckScope&) = delete;
};

}  // namespace apisix::base
