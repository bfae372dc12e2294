#include "worker/proxy/close_rules.h"

namespace apisix::proxy {

AfterResponse decide_client(const ClientOutcome& outcome) {
  if (!outcome.response_complete) {
    return outcome.response_delimited ? AfterResponse::kClose : AfterResponse::kReset;
  }
  if (!outcome.request_read) return AfterResponse::kLinger;
  if (!outcome.response_delimited || !outcome.wants_keep_alive || outcome.draining) {
    return outcome.more_received ? AfterResponse::kLinger : AfterResponse::kClose;
  }
  return AfterResponse::kKeep;
}

bool may_keep_client(bool wants_keep_alive, bool response_delimited, bool request_readable, bool draining) {
  return wants_keep_alive && response_delimited && request_readable && !draining;
}

}  // namespace apisix::proxy
