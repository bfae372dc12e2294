#include "worker/proxy/close_rules.h"

namespace apisix::proxy {

ClientFate decide_client(const ClientOutcome& outcome) {
  if (!outcome.response_complete) {
    return outcome.response_delimited ? ClientFate::kClose : ClientFate::kReset;
  }
  if (!outcome.request_read) return ClientFate::kLinger;
  if (!outcome.response_delimited || !outcome.wants_keep_alive || outcome.draining) {
    return outcome.more_received ? ClientFate::kLinger : ClientFate::kClose;
  }
  return ClientFate::kKeep;
}

bool may_keep_client(bool wants_keep_alive, bool response_delimited, bool request_readable, bool draining) {
  return wants_keep_alive && response_delimited && request_readable && !draining;
}

bool may_pool_upstream(const UpstreamOutcome& outcome) {
  return outcome.response_keep_alive && outcome.response_complete && outcome.request_sent &&
         !outcome.bytes_left_over;
}

}  // namespace apisix::proxy
