// Rejection: the response of a plugin that rejects a request: `rejected_code`, with `rejected_msg` as
// {"error_msg":"..."} or, where there is none, the error page of the status. A member of the plugin, made of
// its configuration.
#pragma once

#include <cstdint>
#include <string>

#include "worker/plugin/request.h"

namespace apisix::plugin {

class Conf;

class Rejection {
 public:
  explicit Rejection(const Conf& conf);

  async::Outcome of(Request& request) const {
    return body_.empty() ? request.reject_page(code_) : request.reject(code_, body_);
  }

 private:
  const std::uint16_t code_;
  const std::string body_;  // empty: the error page
};

}  // namespace apisix::plugin
