// When a node's connection may carry another exchange: a truth table, in one place (RFC 9112 9.3 and 9.6).
// The one for clients is worker/proxy/close_rules.h.
#pragma once

namespace apisix::upstream {

struct UpstreamOutcome {
  bool response_keep_alive;  // by version and Connection
  bool response_complete;    // by length or chunks; a response until close is never reusable
  bool request_sent;         // all of it
  bool bytes_left_over;      // more than the response arrived
};

// Whether the upstream's connection goes back into the pool.
constexpr bool may_pool_upstream(const UpstreamOutcome& outcome) {
  return outcome.response_keep_alive && outcome.response_complete && outcome.request_sent &&
         !outcome.bytes_left_over;
}

}  // namespace apisix::upstream
