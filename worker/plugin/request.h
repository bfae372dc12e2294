// Request: everything that is known of one request, from its head to its log line. The pipeline fills it
// in; plugins, the router's conditions and the log format read it through Variables (variables.h).
// Everything in it lives in the request's arena; nothing of it outlives the Stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shared/async/awaiters.h"
#include "shared/async/step.h"
#include "shared/async/task.h"
#include "shared/base/arena.h"
#include "shared/base/clock.h"
#include "shared/base/counted.h"
#include "shared/base/ip.h"
#include "shared/base/kept_texts.h"
#include "shared/format/json.h"
#include "shared/format/regex_budget.h"
#include "shared/http/message.h"
#include "shared/http/query_table.h"
#include "worker/plugin/body_coder.h"
#include "worker/plugin/client_socket.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/deps.h"
#include "worker/plugin/request_body.h"

namespace apisix::net {
struct TlsInfo;
}

namespace apisix::plugin {

// The client's connection, as far as a request may know it.
struct ClientInfo {
  base::IpAddress peer_ip;              // of the socket
  std::uint64_t connection_serial = 0;  // $connection
  std::uint32_t requests = 0;           // $connection_requests
  ClientSocket socket;                  // for what costs a system call: the local address
  std::uint16_t peer_port = 0;
  std::uint16_t local_port = 0;
  const net::TlsInfo* tls = nullptr;  // what the handshake agreed on; null: plain
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

// A response of the gateway's own.
struct DirectResponse {
  std::uint16_t status = 500;
  std::string_view body;
  std::string_view content_type = "text/plain";  // unless a Content-Type is set in response.headers
  bool is_error_page = false;                    // the body is nginx's page of the status
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
  // What plugins asked for; empty: as the client sent it, or as the upstream's configuration says.
  std::string_view method;
  std::string_view wanted_host;
  std::string_view wanted_scheme;
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
  // Reads it so that request.body has its fields; longer than max_post_args_readable_size: they stay unset.
  virtual async::Task<void> read_body_fields() = 0;
  virtual event::Loop& loop() = 0;
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
  // A body filter will replace pieces: no length is announced. See Request::will_change_body().
  bool body_changes = false;
  // A body filter holds the body until it is whole: the head waits for it, so that a failure can still get
  // its response.
  bool body_is_held = false;
};

class Request {
 public:
  Request(base::Arena& arena, const base::Clock& clock) : arena(arena), clock(clock) {}
  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  base::Arena& arena;
  const base::Clock& clock;
  http::RequestHead* head = nullptr;
  const ClientInfo* client = nullptr;

  std::string_view path;  // $uri: decoded and normalised
  std::string_view
      match_path;             // what routes are matched on: path, or with %2F kept (match_uri_encoded_slash)
  bool path_changed = false;  // normalising changed the segments: the raw target must not be forwarded
  std::string_view args;      // raw query, without '?'
  std::string_view host;      // $host: lower case, without port and without a dot at its end
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

  // What is joined from several pieces of the request, made once however often it is read.
  base::KeptTexts texts;
  // Of all regular expressions that are run on what this client sent.
  format::RegexBudget regex_budget;

  RequestBody body;
  Matched matched;
  UpstreamTarget upstream;
  Attempt* attempts = nullptr;  // in order
  Attempt* last_attempt = nullptr;
  ResponseState response;
  DirectResponse direct_response;
  RequestIo* io = nullptr;

  // --- for plugins: responding. `return request.reject(403, "...")` ends the request there.
  async::Outcome reject(std::uint16_t status, std::string_view body,
                        std::string_view content_type = "text/plain");
  // {"message":"..."} and a line feed, as APISIX's plugins respond.
  async::Outcome reject_message(std::uint16_t status, std::string_view message);
  // The JSON and a line feed.
  async::Outcome reject_json(std::uint16_t status, const format::Json& body);
  // With nginx's page of the status as body.
  async::Outcome reject_page(std::uint16_t status);

  // --- for plugins: the request as the upstream will get it. Framing fields (Content-Length,
  // Transfer-Encoding, Connection ...) are not a plugin's: they are ignored here. Control characters in a
  // value are escaped (%0D%0A), so that a value made of what a client sent stays one line; a name that is no
  // token changes nothing. Setting Host sets what the upstream gets, unless its pass_host says otherwise.
  void set_header(std::string_view name, std::string_view value);
  void add_header(std::string_view name, std::string_view value);
  void remove_header(std::string_view name);
  // A field that the upstream trusts to be the gateway's (X-Consumer-Username): whatever the client sent
  // under that name, in any case and with '_' for '-', is removed first. An empty value only removes.
  void set_identity_header(std::string_view name, std::string_view value);
  // The first field of that name, joined with ", " when there are several; "" when missing.
  std::string_view header(std::string_view name);
  // The first field of that name alone, as APISIX's plugins read it. Of a name with '_' that is not there,
  // the one with '-'.
  std::optional<std::string_view> find_header(std::string_view name);
  // Of the response; framing fields are ignored as above. Setting an empty value removes the field, as in
  // nginx.
  void set_response_header(std::string_view name, std::string_view value);
  void add_response_header(std::string_view name, std::string_view value);
  void remove_response_header(std::string_view name);
  void set_response_status(std::uint16_t status);
  // Length of the body as it stands, when it is known and no plugin will change it.
  std::optional<std::uint64_t> response_length() const;
  // Said in header_filter by a plugin whose body filter replaces pieces: Content-Length, Content-Encoding,
  // ETag, Last-Modified, Accept-Ranges and Content-MD5 of the upstream do not hold any more.
  void will_change_body();
  // Said in header_filter: the finished body goes through this coding, if the response still allows it then.
  // The first one wins.
  void set_body_coder(std::unique_ptr<BodyCoder> coder);
  // Raw query without '?': replaces what goes to the upstream and what $args and $arg_ read.
  void set_args(std::string_view new_args);
  bool args_were_set() const { return args_set_; }
  // The first query argument of that name, decoded; "" when it has no '='.
  std::optional<std::string_view> arg(std::string_view name);
  // All of them, decoded when the first is asked for; a view of `args` and of the arena.
  const http::QueryTable& query_table();
  // Takes every query argument of that name out; the others stay as the client wrote them.
  void remove_arg(std::string_view name);

  // --- for plugins: identity
  void attach_consumer(const base::Ref<const ConsumerAuth>& auth);
  // The anonymous consumer, without a credential.
  void attach_consumer(const base::Ref<const Consumer>& anonymous);
  base::Ref<const Consumer> consumer;           // null: none found
  base::Ref<const ConsumerAuth> consumer_auth;  // null: anonymous, or none
  // Why the auth plugin responded, which says more than the response does. Plugins that try
  // others (multi-auth) set `auth_is_tried`: the reason is theirs to log then.
  std::string_view auth_failure;
  bool auth_is_tried = false;
  // The node is picked from this upstream instead of the route's.
  base::Ref<UpstreamHandle> upstream_override;
  const RateLimitingInfo* rate_limiting = nullptr;  // in the arena; null: no limit was asked
  // Longest request body of this request instead of client_max_body_size; 0: no limit.
  std::optional<std::uint64_t> body_bytes_max;

  // --- for plugins: waiting
  auto sleep_ms(std::uint64_t delay_ms) { return async::Sleep(io->loop(), delay_ms); }
  async::Task<RequestIo::BodyRead> read_body(std::size_t bytes_max) { return io->read_body(bytes_max); }
  async::Task<std::string_view> read_body_start(std::size_t bytes_max) {
    return io->read_body_start(bytes_max);
  }
  // For $post_arg_ variables: nothing happens when the body was read before.
  async::Task<void> read_body_fields() { return io->read_body_fields(); }

  // --- for plugins: notes
  // $name; nothing there: an empty optional.
  void set_variable(std::string_view name, std::string_view value);
  const CustomVariable* find_variable(std::string_view name) const;
  // `owner`'s own T in this request, zero at first. Trivially destructible: its destructor is not called.
  template <typename T>
  T& state(const void* owner) {
    static_assert(std::is_trivially_destructible_v<T>);
    for (PluginState* s = plugin_states_; s != nullptr; s = s->next) {
      if (s->owner == owner) return *static_cast<T*>(s->data);
    }
    auto* added = arena.make<PluginState>();
    added->owner = owner;
    added->data = arena.make<T>();
    added->next = plugin_states_;
    plugin_states_ = added;
    return *static_cast<T*>(added->data);
  }
  template <typename T>
  T* find_state(const void* owner) const {
    for (PluginState* s = plugin_states_; s != nullptr; s = s->next) {
      if (s->owner == owner) return static_cast<T*>(s->data);
    }
    return nullptr;
  }

  // `owner`'s own T in this request, made at first use, destroyed with the request. It may not refer to the
  // plugin, which may be gone by then.
  template <typename T>
  T& kept(const void* owner) {
    for (KeptState* s = kept_states_; s != nullptr; s = s->next) {
      if (s->owner == owner) return *static_cast<T*>(s->data);
    }
    auto* added = arena.make<KeptState>();
    *added = {owner, new T(), [](void* data) { delete static_cast<T*>(data); }, kept_states_};
    kept_states_ = added;
    return *static_cast<T*>(added->data);
  }

  std::string_view method() const { return head->method_text; }
  // What the upstream is asked with: the client's method, or what a plugin put in its place.
  http::Method upstream_method() const {
    return upstream.method.empty() ? head->method : http::parse_method(upstream.method);
  }
  // $remote_addr as text, made at first use.
  std::string_view remote_addr();
  // Another client address than the connection's: what a trusted proxy said.
  void set_remote(const base::IpAddress& ip, std::uint16_t port) {
    remote_ip = ip;
    remote_port = port;
    remote_addr_text_ = {};
  }
  // $request_id: 32 hex digits, made at first use.
  std::string_view request_id();
  // $request_uri: path and query; the path is decoded and normalised.
  std::string_view target();
  // Target for the upstream: the client's own bytes, or the normalised path escaped again when normalising
  // changed its segments, so that the upstream cannot see another path than the one that was matched.
  std::string_view forward_target();
  // Lower case, without port and brackets kept: $host of an authority, which has no dot at its end any more.
  std::string_view host_of(std::string_view authority);
  std::string_view scheme() const { return client->tls != nullptr ? "https" : "http"; }

  // --- for the proxy
  // After all header filters: decides whether the coder runs, and what the head says of it.
  void choose_body_coder();
  BodyCoder* body_coder() { return body_coder_.get(); }

  Attempt& add_attempt() {
    auto* attempt = arena.make<Attempt>();
    attempt->started_us = clock.monotonic_us();
    (last_attempt != nullptr ? last_attempt->next : attempts) = attempt;
    last_attempt = attempt;
    return *attempt;
  }

 private:
  http::QueryTable query_table_;
  std::string_view remote_addr_text_;
  std::string_view request_id_;
  CustomVariable* variables_ = nullptr;
  PluginState* plugin_states_ = nullptr;
  KeptState* kept_states_ = nullptr;
  std::unique_ptr<BodyCoder> body_coder_;
  bool args_set_ = false;
};

}  // namespace apisix::plugin
