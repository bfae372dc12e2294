// Request: everything that is known of one request, from its head to its log line. The pipeline fills it
// in; plugins, the router's conditions and the log format read it through Variables (variables.h).
// Everything in it lives in the request's arena; nothing of it outlives the Stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/base/clock.h"
#include "shared/base/ip.h"
#include "shared/http/message.h"

namespace apisix::plugin {

// The client's connection, as far as a request may know it.
struct ClientInfo {
  base::IpAddress peer_ip;              // of the socket
  std::uint64_t connection_serial = 0;  // $connection
  std::uint32_t requests = 0;           // $connection_requests
  int fd = -1;                          // for what costs a system call: the local address
  std::uint16_t peer_port = 0;
  std::uint16_t local_port = 0;
  bool is_tls = false;
};

// One try of an upstream node; times in microseconds, -1 = did not get that far.
struct Attempt {
  base::IpAddress ip;
  std::uint16_t port = 0;
  std::uint16_t status = 0;  // of the answer, or 502/504 of the failure
  std::int64_t connect_us = -1;
  std::int64_t header_us = -1;
  std::int64_t response_us = -1;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t body_bytes_received = 0;
  std::uint64_t started_us = 0;
  Attempt* next = nullptr;
};

// An answer of the gateway's own.
struct LocalReply {
  std::uint16_t status = 500;
  std::string_view body;
  std::string_view content_type = "text/plain";
};

// What the URI parameters of a matched route captured.
struct UriParameter {
  std::string_view name;
  std::string_view value;
};

// The matched objects, by name; empty = none.
struct Matched {
  std::string_view route_id;
  std::string_view route_name;
  std::string_view service_id;
  std::string_view service_name;
  std::string_view path;  // the stored URI that matched
  std::string_view host;  // the stored host that matched
  const UriParameter* parameters = nullptr;
  std::size_t parameter_count = 0;
};

// What is sent to the upstream.
struct UpstreamTarget {
  std::string_view scheme = "http";
  std::string_view host;             // Host header
  std::string_view uri;              // request target, path and query
  std::string_view unresolved_host;  // the node's configured host
};

struct ResponseState {
  std::uint16_t status = 0;
  http::HeaderMap headers;  // end-to-end fields to send
  std::string_view reason;  // empty: the standard phrase
  bool from_upstream = false;
  bool complete = false;  // all of it was handed to the client's socket
  std::uint64_t body_bytes_sent = 0;
  std::uint64_t bytes_sent = 0;  // head included
  const http::ResponseHead* upstream_head = nullptr;
};

class Request {
 public:
  Request(base::Arena& arena, const base::Clock& clock) : arena(arena), clock(clock) {}

  base::Arena& arena;
  const base::Clock& clock;
  http::RequestHead* head = nullptr;
  const ClientInfo* client = nullptr;

  std::string_view path;  // $uri: decoded and normalised
  std::string_view
      match_path;             // what routes are matched on: path, or with %2F kept (match_uri_encoded_slash)
  bool path_changed = false;  // normalising changed the segments: the raw target must not be forwarded
  std::string_view args;      // raw query, without '?'
  std::string_view host;      // $host: lower case, without port
  base::IpAddress remote_ip;  // $remote_addr: the peer, or what real_ip says
  std::uint16_t remote_port = 0;

  std::uint64_t started_wall_us = 0;
  std::uint64_t started_us = 0;  // monotonic
  std::uint64_t request_bytes = 0;

  // Client's originals of what the gateway overwrites towards the upstream.
  std::string_view original_x_forwarded_for;
  std::string_view original_x_forwarded_proto;
  std::string_view original_x_forwarded_host;
  std::string_view original_x_forwarded_port;
  std::string_view original_forwarded;

  Matched matched;
  UpstreamTarget upstream;
  Attempt* attempts = nullptr;  // in order
  Attempt* last_attempt = nullptr;
  ResponseState response;
  LocalReply reply;

  std::string_view method() const { return head->method_text; }
  // $remote_addr as text, made at first use.
  std::string_view remote_addr();
  // $request_id: 32 hex digits, made at first use.
  std::string_view request_id();
  // Target for the upstream: the client's own bytes, or the normalised path escaped again when normalising
  // changed its segments, so that the upstream cannot see another path than the one that was matched.
  std::string_view forward_target();
  // Lower case, without port and brackets kept: $host of an authority.
  std::string_view host_of(std::string_view authority);
  std::string_view scheme() const { return client->is_tls ? "https" : "http"; }

  Attempt& add_attempt() {
    auto* attempt = arena.make<Attempt>();
    attempt->started_us = clock.monotonic_us();
    (last_attempt != nullptr ? last_attempt->next : attempts) = attempt;
    last_attempt = attempt;
    return *attempt;
  }

 private:
  std::string_view remote_addr_text_;
  std::string_view request_id_;
};

}  // namespace apisix::plugin
