#include "worker/plugin/rejection.h"

#include "worker/plugin/conf.h"

namespace apisix::plugin {
namespace {

std::string body_of(const Conf& conf) {
  const format::Json& message = conf.json("rejected_msg");
  if (!message.isString()) return {};
  format::Json body(::Json::objectValue);
  body["error_msg"] = message;
  return format::to_json(body) + "\n";
}

}  // namespace

Rejection::Rejection(const Conf& conf) : code_(conf.status("rejected_code")), body_(body_of(conf)) {}

}  // namespace apisix::plugin
