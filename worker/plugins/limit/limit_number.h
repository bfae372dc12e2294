// LimitNumber: a bound in a configuration: a number, or a text with variables that must give one for each
// request.
#pragma once

#include <cstdint>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/plugin/template.h"

namespace apisix::plugins {

class LimitNumber {
 public:
  LimitNumber() = default;
  explicit LimitNumber(const format::Json& value, bool allows_zero = false);

  bool is_constant() const { return is_constant_; }
  base::Result<std::int64_t> of(plugin::Request& request) const {
    if (is_constant_) return number_;
    return resolve(request);
  }

 private:
  base::Result<std::int64_t> resolve(plugin::Request& request) const;

  std::int64_t number_ = 0;
  plugin::Template text_;
  bool is_constant_ = true;
  bool allows_zero_ = false;
};

}  // namespace apisix::plugins
