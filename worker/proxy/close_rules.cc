#include "worker/proxy/close_rules.h"

namespace apisix::proxy {

ClientFate decide_client(const ClientExchange& exchange) {
  if (!exchange.response_complete) {
    return exchange.response_delimited ? ClientFate::kClose : ClientFate::kReset;
  }
  if (!exchange.request_read) return ClientFate::kLinger;
  if (!exchange.response_delimited || !exchange.wants_keep_alive || exchange.draining) {
    return exchange.more_received ? ClientFate::kLinger : ClientFate::kClose;
  }
  return ClientFate::kKeep;
}

bool may_keep_client(bool wants_keep_alive, bool response_delimited, bool request_readable, bool draining) {
  return wants_keep_alive && response_delimited && request_readable && !draining;
}

bool may_pool_upstream(const UpstreamExchange& exchange) {
  return exchange.response_keep_alive && exchange.response_complete && exchange.request_sent &&
         !exchange.bytes_left_over;
}

}  // namespace apisix::proxy
