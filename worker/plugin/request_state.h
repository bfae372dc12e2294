// RequestState: what the proxy knows of one request, from its head to its log line, in groups. The pipeline
// fills it in; the router's conditions, the access log and the facade for plugins (request.h) read it.
// Everything in it lives in the request's arena; nothing of it outlives the Stream. A plugin does not see it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "shared/async/task.h"
#include "shared/base/arena.h"
#include "shared/base/clock.h"
#include "shared/base/counted.h"
#include "shared/base/ip.h"
#include "shared/base/kept_texts.h"
#include "shared/format/regex_budget.h"
#include "shared/http/message.h"
#include "shared/http/query_table.h"
#include "worker/plugin/body_coder.h"
#include "worker/plugin/body_fields.h"
#include "worker/plugin/client_socket.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/deps.h"

namespace apisix::net {
struct ProxiedAddresses;
struct TlsInfo;
}  // namespace apisix::net

namespace apisix::plugin {

struct ClientDetails;
class Request;
class ResponseStream;

// The client's connection, as far as a request may know it.
struct ClientInfo {
  ClientInfo();
  ~ClientInfo();

  base::IpAddress peer_ip;              // of the socket
  std::uint64_t connection_serial = 0;  // $connection
  std::uint32_t requests = 0;           // $connection_requests
  ClientSocket socket;                  // for what costs a system call: the local address
  std::uint16_t peer_port = 0;
  std::uint16_t local_port = 0;
  bool is_tls = false;
  // What only some connections have (client_details.h): null for a plain one, which stays small.
  std::unique_ptr<ClientDetails> details;

  // What the handshake agreed on; null: plain.
  const net::TlsInfo* tls() const;
  // What the PROXY header said; null: there was none, or it named no addresses.
  const net::ProxiedAddresses* proxied() const;
  ClientDetails& edit_details();
  // Once the handshake is complete. `tls` outlives the requests.
  void set_tls(const net::TlsInfo& tls);
};

// Whose request it is: the connection it came over, and the address that is taken for the client's.
struct ClientState {
  const ClientInfo* connection = nullptr;
  base::IpAddress ip;        // $remote_addr: the peer, or what real_ip says
  std::string_view ip_text;  // made at first use
  std::uint16_t port = 0;
  bool is_grpc = false;  // the request is a gRPC call, as the client sent it
};

// What it asks for, as routes are matched on it and plugins see it.
struct RequestTarget {
  std::string_view path;        // $uri: decoded and normalised
  std::string_view match_path;  // what routes are matched on; %2F may be kept (match_uri_encoded_slash)
  std::string_view rewritten;   // what a plugin put in the place of path: RequestUpstream::set_rewritten()
  std::string_view args;        // raw query, without '?'
  std::string_view host;        // $host: lower case, without port and without a dot at its end
  bool path_changed = false;    // normalising changed the segments: the raw target must not be forwarded
  bool args_were_set = false;   // by a plugin: they go to the upstream in the place of the client's
};

// The client's originals of what the gateway overwrites towards the upstream.
struct ForwardedOriginals {
  std::string_view x_forwarded_for;
  std::string_view x_forwarded_proto;
  std::string_view x_forwarded_host;
  std::string_view x_forwarded_port;
  std::string_view forwarded;
};

// When it began, how many bytes of it have come, and how many may.
struct Received {
  std::uint64_t wall_us = 0;
  std::uint64_t monotonic_us = 0;
  std::uint64_t bytes = 0;
  // Longest body of this request instead of client_max_body_size; 0: no limit.
  std::optional<std::uint64_t> body_bytes_max;
};

// One try of an upstream node; times in microseconds, -1 = did not get that far.
struct Attempt {
  base::IpAddress ip;
  std::uint16_t port = 0;
  std::uint16_t status = 0;  // of the response, or 502/504 of the failure
  std::int64_t connect_us = -1;
  std::int64_t header_us = -1;
  std::int64_t response_us = -1;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t body_bytes_received = 0;
  std::uint64_t started_us = 0;
  Attempt* next = nullptr;
};

// All tries, in order.
struct Attempts {
  Attempt* first = nullptr;
  Attempt* last = nullptr;
};

// A response of the gateway's own.
struct DirectResponse {
  std::uint16_t status = 500;
  std::string_view body;
  std::string_view content_type = "text/plain";  // unless a Content-Type is set in response.headers
  bool is_error_page = false;                    // the body is nginx's page of the status
  std::optional<std::uint8_t> grpc_code = {};    // instead of a page, for a gRPC client
  bool is_held = false;                          // it goes out when the hooks behind that one have run
};

// What the URI parameters of a matched route captured.
struct UriParameter {
  std::string_view name;
  std::string_view value;
};

// When what matched was changed last: modification revisions of the store; 0: there is none.
struct MatchedRevisions {
  std::uint64_t route = 0;
  std::uint64_t plugin_config = 0;
  std::uint64_t service = 0;
};

// The matched objects, by name; empty = none.
struct Matched {
  const MatchedRevisions* revisions = nullptr;  // null: no route matched
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
  // What plugins asked for; empty: as the client sent it, or as the upstream's configuration says.
  std::string_view method;
  std::string_view wanted_host;
  std::string_view wanted_scheme;
  http::HeaderMap* trailers = nullptr;  // behind the body: the client's once it has ended, and plugins'
  // The node is picked from this one instead of the route's.
  base::Ref<UpstreamHandle> chosen;
};

// Who sent it, as the auth plugins found out.
struct IdentityState {
  base::Ref<const Consumer> consumer;  // null: none found
  base::Ref<const ConsumerAuth> auth;  // null: anonymous, or none
  // Why the auth plugin responded, which says more than the response does. Plugins that try others
  // (multi-auth) set `is_tried`: the reason is theirs to log then.
  std::string_view failure;
  bool is_tried = false;
};

// What a plugin left in the request for others under a name: $name.
struct CustomVariable {
  std::string_view name;
  std::string_view value;
  CustomVariable* next = nullptr;
};

// What a limit of requests did last; read as $rate_limiting_info.
struct RateLimitingInfo {
  std::string_view key;
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  std::int64_t reset_s = 0;
};

// State of one request that belongs to one plugin.
struct PluginState {
  const void* owner = nullptr;
  void* data = nullptr;
  PluginState* next = nullptr;
};

// The same for what has to be destroyed with the request.
struct KeptState {
  const void* owner = nullptr;
  void* data = nullptr;
  void (*destroy)(void* data) = nullptr;
  KeptState* next = nullptr;
};

// What plugins left in the request: for others, and each for itself.
struct Notes {
  CustomVariable* variables = nullptr;
  PluginState* states = nullptr;
  KeptState* kept = nullptr;
  const RateLimitingInfo* rate_limiting = nullptr;  // null: no limit was asked
};

// What the request's owner does for plugins that wait.
class RequestIo {
 public:
  struct BodyRead {
    std::string_view data;   // all of it, decoded; lives as long as the request
    bool too_large = false;  // more than was asked for: `data` is empty, the response should be 413
  };

  virtual ~RequestIo() = default;
  // The whole request body, which is buffered and sent to the upstream afterwards. May be asked more than
  // once.
  virtual async::Task<BodyRead> read_body(std::size_t bytes_max) = 0;
  // At most that much of its beginning, for plugins that only inspect it: the rest goes to the upstream as it
  // comes.
  virtual async::Task<std::string_view> read_body_start(std::size_t bytes_max) = 0;
  // `body` goes to the upstream in the place of the client's, which is read to its end and dropped. False: it
  // could not be; what the response is then is decided already, whatever the plugin says.
  virtual async::Task<bool> replace_body(std::string body) = 0;
  // Reads it so that request.body has its fields; longer than max_post_args_readable_size: they stay unset.
  virtual async::Task<void> read_body_fields() = 0;
  virtual event::Loop& loop() = 0;
};

// What goes to the client, and how much of it went.
struct ResponseState {
  std::uint16_t status = 0;
  http::HeaderMap headers;  // end-to-end fields to send
  std::string_view reason;  // empty: the standard phrase
  bool from_upstream = false;
  bool complete = false;  // all of it was handed to the client's socket
  // Not 0: a header filter gives the page of this status in its place. See Response::refuse().
  std::uint16_t refusal = 0;
  std::uint64_t body_bytes_sent = 0;
  std::uint64_t bytes_sent = 0;  // head included
  const http::ResponseHead* upstream_head = nullptr;
  // Behind the body: plugins', and the upstream's once a body that filters see has ended.
  http::HeaderMap* trailers = nullptr;
  // A body filter will replace pieces: no length is announced. See Response::will_change_body().
  bool body_changes = false;
  // A script sees the body and has not said whether it changes it: the head waits for the first piece, which
  // tells.
  bool body_may_change = false;
  bool is_streamed = false;  // a hook writes it piece by piece: its length is not known
  // A body filter holds the body until it is whole: the head waits for it, so that a failure can still get
  // its response.
  bool body_is_held = false;
  // The content coding that a plugin chose; behind all body filters.
  std::unique_ptr<BodyCoder> coder;
  ResponseStream* stream = nullptr;  // by which a hook writes a response piece by piece; null only in tests

  void set_status(std::uint16_t wanted) {
    status = wanted;
    reason = {};
  }
};

class RequestState {
 public:
  RequestState(base::Arena& arena, const base::Clock& clock) : arena(arena), clock(clock) {}
  ~RequestState();
  RequestState(const RequestState&) = delete;
  RequestState& operator=(const RequestState&) = delete;

  // What a facade stands before. For the room of the contract itself; a plugin may not.
  static RequestState& of(Request& request);
  static const RequestState& of(const Request& request);

  base::Arena& arena;
  const base::Clock& clock;
  http::RequestHead* head = nullptr;
  ClientState client;
  RequestTarget target;
  Received received;
  ForwardedOriginals originals;
  // What is joined from several pieces of the request, made once however often it is read.
  base::KeptTexts texts;
  // Of all regular expressions that are run on what this client sent.
  format::RegexBudget regex_budget;
  BodyFields body;
  Matched matched;
  UpstreamTarget upstream;
  Attempts attempts;
  ResponseState response;
  DirectResponse direct_response;
  IdentityState identity;
  Notes notes;
  RequestIo* io = nullptr;

  // $remote_addr as text, made at first use.
  std::string_view remote_addr();
  // Another client address than the connection's: what a trusted proxy said.
  void set_remote(const base::IpAddress& ip, std::uint16_t port) {
    client = {client.connection, ip, {}, port};
  }
  std::string_view scheme() const { return client.connection->is_tls ? "https" : "http"; }
  // $request_id: 32 hex digits, made at first use.
  std::string_view request_id();
  // $request_uri: path and query; the path is decoded and normalised.
  std::string_view request_uri();
  // All query arguments, decoded when the first is asked for; a view of target.args and of the arena.
  const http::QueryTable& query_table();
  // Target for the upstream: the client's own bytes, or the normalised path escaped again when normalising
  // changed its segments, so that the upstream cannot see another path than the one that was matched.
  std::string_view forward_target();
  // Lower case, without port and brackets kept: $host of an authority, which has no dot at its end any more.
  std::string_view host_of(std::string_view authority);
  // What the upstream is asked with: the client's method, or what a plugin put in its place.
  http::Method upstream_method() const {
    return upstream.method.empty() ? head->method : http::parse_method(upstream.method);
  }
  Attempt& add_attempt() {
    auto* attempt = arena.make<Attempt>();
    attempt->started_us = clock.monotonic_us();
    (attempts.last != nullptr ? attempts.last->next : attempts.first) = attempt;
    attempts.last = attempt;
    return *attempt;
  }
  // After all header filters: decides whether the coder runs, and what the head says of it.
  void choose_body_coder();

  // What a plugin said of $name; null: nothing.
  const CustomVariable* find_variable(std::string_view name) const;
  // `owner`'s own T in this request; see Request::state() and kept().
  template <typename T>
  T& state(const void* owner) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (T* found = find_state<T>(owner)) return *found;
    auto* added = arena.make<PluginState>();
    *added = {owner, arena.make<T>(), notes.states};
    notes.states = added;
    return *static_cast<T*>(added->data);
  }
  template <typename T>
  T* find_state(const void* owner) const {
    for (PluginState* s = notes.states; s != nullptr; s = s->next) {
      if (s->owner == owner) return static_cast<T*>(s->data);
    }
    return nullptr;
  }
  template <typename T>
  T& kept(const void* owner) {
    for (KeptState* s = notes.kept; s != nullptr; s = s->next) {
      if (s->owner == owner) return *static_cast<T*>(s->data);
    }
    auto* added = arena.make<KeptState>();
    *added = {owner, new T(), [](void* data) { delete static_cast<T*>(data); }, notes.kept};
    notes.kept = added;
    return *static_cast<T*>(added->data);
  }

 private:
  http::QueryTable query_table_;
  std::string_view request_id_;
};

}  // namespace apisix::plugin
