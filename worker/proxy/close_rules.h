// When a client's connection may carry another request, and how it ends: a truth table, in one place (RFC
// 9112 9.3 and 9.6). The one for nodes is worker/upstream/reuse_rules.h.
#pragma once

#include <cstdint>

namespace apisix::proxy {

// What happens to the client's connection after an outcome.
enum class AfterResponse : std::uint8_t {
  kKeep,    // read the next request
  kClose,   // everything was read: close now
  kLinger,  // the client may still be sending: close our side, discard the rest until a timeout
  kReset,   // the end of the connection would be taken for the end of the body: close by a reset
};

struct ClientOutcome {
  bool wants_keep_alive;    // by version and Connection
  bool request_read;        // the whole request, body included
  bool response_complete;   // we sent all that its framing promised
  bool response_delimited;  // its end is visible without closing (length, chunked or no body)
  bool draining;            // the worker is shutting down
  bool more_received;       // bytes behind this request: closing on them would reset the connection
};

AfterResponse decide_client(const ClientOutcome& outcome);
// Whether the response's head may promise to keep the connection.
bool may_keep_client(bool wants_keep_alive, bool response_delimited, bool request_readable, bool draining);

}  // namespace apisix::proxy
