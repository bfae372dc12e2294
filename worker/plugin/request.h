// Request: what a plugin sees of one request, and may do with it: a facade over the proxy's state
// (request_state.h), which it does not own. How a message is framed is out of reach. Subjects have a small
// facade of their own, made where it is used: request.headers().set("X-User", name).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "shared/async/awaiters.h"
#include "shared/async/step.h"
#include "shared/format/json.h"
#include "worker/plugin/request_state.h"

namespace apisix::plugin {

class FieldName;

// Its header fields, as the upstream will get them. Framing fields (Content-Length, Transfer-Encoding,
// Connection ...) are not a plugin's: they are ignored here. Control characters in a value are escaped
// (%0D%0A), so that a value made of what a client sent stays one line; a name that is no token changes
// nothing. Setting Host sets what the upstream gets, unless its pass_host says otherwise.
class RequestHeaders {
 public:
  explicit RequestHeaders(RequestState& state) : state_(state) {}

  void set(std::string_view name, std::string_view value);
  void add(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  // A field that the upstream trusts to be the gateway's (X-Consumer-Username): whatever the client sent
  // under that name, in any case and with '_' for '-', is removed first.
  void set_identity(std::string_view name, std::string_view value);

  const http::HeaderMap& all() const { return state_.head->headers; }
  // The first field of that name; "" when missing.
  std::string_view value(http::KnownHeader id) const { return all().value(id); }
  // The first field of that name alone, as APISIX's plugins read it. Of a name with '_' that is not there,
  // the one with '-'.
  std::optional<std::string_view> find(std::string_view name) const;
  std::optional<std::string_view> find(http::KnownHeader id) const;
  // All fields of that name, joined with ", "; "" when missing.
  std::string_view joined(std::string_view name) const;

  std::optional<std::string_view> find_cookie(std::string_view name) const;
  void remove_cookie(std::string_view name);

 private:
  RequestState& state_;
};

// The arguments of its query.
class RequestQuery {
 public:
  explicit RequestQuery(RequestState& state) : state_(state) {}

  // Raw, without '?'.
  std::string_view text() const { return state_.target.args; }
  // Replaces what goes to the upstream and what $args and $arg_ read.
  void set_text(std::string_view text);
  // The first argument of that name, decoded; "" when it has no '='.
  std::optional<std::string_view> find(std::string_view name);
  // Takes every argument of that name out; the others stay as the client wrote them.
  void remove(std::string_view name);

 private:
  RequestState& state_;
};

// The fields behind a body (RFC 9110 6.5). They go out behind a body in chunks, and are dropped behind any
// other. Fields that frame or route a message, name who is asking, or say how to read its content are ignored
// here (6.5.1).
class Trailers {
 public:
  // `fields`: null until there are some.
  Trailers(base::Arena& arena, http::HeaderMap*& fields) : arena_(arena), fields_(fields) {}

  // The first field of that name. What the sender sent is known with the last piece of the body.
  std::optional<std::string_view> find(std::string_view name) const;
  // What is known; null: nothing.
  const http::HeaderMap* all() const { return fields_; }
  // In the place of the sender's own, in any spelling, also before that is known. An empty value removes.
  void set(std::string_view name, std::string_view value);
  // Of what is known.
  void remove(std::string_view name);
  void clear();

 private:
  base::Arena& arena_;
  http::HeaderMap*& fields_;
};

// Its body. Reading waits for the client: co_await.
class RequestBody {
 public:
  explicit RequestBody(RequestState& state) : state_(state) {}

  // $post_arg_ variables have their values.
  bool is_read() const { return state_.body.is_read(); }
  // A variable of it was asked for before it was read.
  bool is_wanted() const { return state_.body.is_wanted(); }
  // What the client announced, or the length of what was read or put in its place; 0: nothing, or no length.
  std::uint64_t announced_bytes() const { return state_.head->content_length; }
  // Instead of client_max_body_size; 0: no limit.
  void set_bytes_max(std::uint64_t bytes_max) { state_.received.body_bytes_max = bytes_max; }

  async::Task<RequestIo::BodyRead> read(std::size_t bytes_max) { return state_.io->read_body(bytes_max); }
  async::Task<std::string_view> read_start(std::size_t bytes_max) {
    return state_.io->read_body_start(bytes_max);
  }
  // `body` goes to the upstream instead, with its length; plugins behind this one and $post_arg_ variables
  // see it, and fields with a digest of the old one are removed. Content-Type and Content-Encoding are the
  // plugin's to change. What was read before stays readable. False: the client's body, which is read to its
  // end, was none, too long or did not come, or the worker may not hold `body`: the request ends behind this
  // hook.
  async::Task<bool> replace(std::string body) { return state_.io->replace_body(std::move(body)); }
  // Behind the body on its way to the upstream: the client's, without what plugins declare to be the
  // gateway's, are here in request_body_filter with last(). Until then plugins may set some.
  Trailers trailers() { return {state_.arena, state_.upstream.trailers}; }
  // For $post_arg_ variables: nothing happens when the body was read before.
  async::Task<void> read_fields() { return state_.io->read_body_fields(); }

 private:
  RequestState& state_;
};

// Who sends it: the connection, and the address that is taken for the client's.
class RequestClient {
 public:
  explicit RequestClient(RequestState& state) : state_(state) {}

  const base::IpAddress& ip() const { return state_.client.ip; }
  std::uint16_t port() const { return state_.client.port; }
  // $remote_addr: the address as text, made at first use.
  std::string_view ip_text() { return state_.remote_addr(); }
  // Another address than the connection's: what a trusted proxy said.
  void set_address(const base::IpAddress& ip, std::uint16_t port) { state_.set_remote(ip, port); }
  http::Protocol protocol() const { return state_.head->protocol; }

 private:
  RequestState& state_;
};

// Which consumer it is.
class RequestIdentity {
 public:
  explicit RequestIdentity(RequestState& state) : state_(state) {}

  // Null: none found.
  const Consumer* consumer() const { return state_.identity.consumer.get(); }
  void attach(const base::Ref<const ConsumerAuth>& auth);
  // The anonymous consumer, without a credential.
  void attach(const base::Ref<const Consumer>& anonymous);

  // Why the auth plugin responded, which says more than the response does; copied.
  std::string_view failure() const { return state_.identity.failure; }
  void set_failure(std::string_view failure) { state_.identity.failure = state_.arena.copy(failure); }
  // Another plugin (multi-auth) tries auth plugins: the failure is its to log.
  bool is_tried() const { return state_.identity.is_tried; }
  void set_tried(bool is_tried) { state_.identity.is_tried = is_tried; }

 private:
  RequestState& state_;
};

// Where it goes, and how the tries went.
class RequestUpstream {
 public:
  explicit RequestUpstream(RequestState& state) : state_(state) {}

  // Instead of the client's: path and query, and method. Not copied: they are in the arena, or the plugin's.
  void set_target(std::string_view target) { state_.upstream.uri = target; }
  // $uri for scripts and the access log, as nginx has it behind a rewrite. Conditions and keys of plugins
  // keep the client's, as in APISIX.
  void set_rewritten(std::string_view uri) { state_.target.rewritten = uri; }
  void set_method(std::string_view method) { state_.upstream.method = method; }
  // The node is picked from this upstream instead of the route's.
  void choose(base::Ref<UpstreamHandle> upstream) { state_.upstream.chosen = std::move(upstream); }
  // Null: none was made.
  const Attempt* last_attempt() const { return state_.attempts.last; }

 private:
  RequestState& state_;
};

// The response to the client. Framing fields are ignored as in RequestHeaders.
class Response {
 public:
  explicit Response(RequestState& state) : state_(state) {}

  std::uint16_t status() const { return state_.response.status; }
  void set_status(std::uint16_t status) { state_.response.set_status(status); }
  const http::HeaderMap& headers() const { return state_.response.headers; }
  // An empty value removes the field, as in nginx.
  void set_header(std::string_view name, std::string_view value);
  // The same for a name that was looked at before.
  void set_header(const FieldName& name, std::string_view value);
  // The same for a value that is not empty and has no control character: one that the gateway made.
  void set_valid_header(const FieldName& name, std::string_view value);
  void add_header(std::string_view name, std::string_view value);
  void remove_header(std::string_view name);

  // Length of the body as it stands, when it is known and no plugin will change it.
  std::optional<std::uint64_t> body_bytes() const;
  // Said in header_filter by a plugin whose body filter replaces pieces: Content-Length, Content-Encoding,
  // ETag, Last-Modified, Accept-Ranges and Content-MD5 of the upstream do not hold any more.
  void will_change_body();
  // Said in header_filter: a body filter holds the body until it is whole, and the head waits for it.
  void will_hold_body() { state_.response.body_is_held = true; }
  // Said in header_filter: the client gets the page of `status`, from 400 on, and nothing of this response.
  void refuse(std::uint16_t status) { state_.response.refusal = status; }
  // Said in header_filter: the finished body goes through this coding, if the response still allows it then.
  // The first one wins.
  void set_coder(std::unique_ptr<BodyCoder> coder);

  // Behind the body: the upstream's are here in body_filter with last(). Until then plugins may set some.
  Trailers trailers() { return {state_.arena, state_.response.trailers}; }

  // This response goes out when all hooks before the upstream have run, and no node is asked: for a hook that
  // passes. What a later hook holds or rejects with takes its place.
  void hold(std::uint16_t status, std::string_view body);
  // What a plugin responds with, once one has.
  const DirectResponse& rejection() const { return state_.direct_response; }

 private:
  RequestState& state_;
};

class Request {
 public:
  explicit Request(RequestState& state) : state_(state) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  // --- responding. `return request.reject(403, "...")` ends the request there.
  async::Outcome reject(std::uint16_t status, std::string_view body,
                        std::string_view content_type = "text/plain");
  // {"message":"..."} and a line feed, as APISIX's plugins respond.
  async::Outcome reject_message(std::uint16_t status, std::string_view message);
  // The JSON and a line feed.
  async::Outcome reject_json(std::uint16_t status, const format::Json& body);
  // With nginx's page of the status as body.
  async::Outcome reject_page(std::uint16_t status);
  // A response that this hook writes piece by piece: response_stream.h, which a plugin that does so includes.
  // Once in a request, between 200 and 999.
  ResponseStream& stream_response(std::uint16_t status);

  // --- by subject
  RequestHeaders headers() { return RequestHeaders(state_); }
  RequestQuery query() { return RequestQuery(state_); }
  RequestBody body() { return RequestBody(state_); }
  RequestClient client() { return RequestClient(state_); }
  RequestIdentity identity() { return RequestIdentity(state_); }
  RequestUpstream upstream() { return RequestUpstream(state_); }
  Response response() { return Response(state_); }

  // --- what it asks for
  std::string_view method() const { return state_.head->method_text; }
  std::string_view scheme() const { return state_.scheme(); }
  // Lower case, without port.
  std::string_view host() const { return state_.target.host; }
  // $uri: decoded and normalised.
  std::string_view path() const { return state_.target.path; }
  // $request_uri: path() and query.
  std::string_view target() { return state_.request_uri(); }
  // As the client sent it, and its path and query alone.
  std::string_view raw_target() const { return state_.head->target; }
  std::string_view raw_path_and_query();
  // $request_id: 32 hex digits, made at first use.
  std::string_view id() { return state_.request_id(); }
  const Matched& matched() const { return state_.matched; }

  // --- waiting: co_await
  auto sleep_ms(std::uint64_t delay_ms) { return async::Sleep(state_.io->loop(), delay_ms); }

  // --- notes
  // $name for others.
  void set_variable(std::string_view name, std::string_view value);
  // In the arena.
  void set_rate_limiting(const RateLimitingInfo& info) { state_.notes.rate_limiting = &info; }
  // `owner`'s own T in this request, zero at first. Trivially destructible: its destructor is not called.
  template <typename T>
  T& state(const void* owner) {
    return state_.state<T>(owner);
  }
  template <typename T>
  T* find_state(const void* owner) const {
    return state_.find_state<T>(owner);
  }
  // `owner`'s own T in this request, made at first use, destroyed with the request. It may not refer to the
  // plugin, which may be gone by then.
  template <typename T>
  T& kept(const void* owner) {
    return state_.kept<T>(owner);
  }

  // --- what a plugin needs for its work
  base::Arena& arena() const { return state_.arena; }
  const base::Clock& clock() const { return state_.clock; }
  // Of all regular expressions that are run on what this client sent.
  format::RegexBudget& regex_budget() { return state_.regex_budget; }

 private:
  friend class RequestState;
  RequestState& state_;
};

inline RequestState& RequestState::of(Request& request) {
  return request.state_;
}

inline const RequestState& RequestState::of(const Request& request) {
  return request.state_;
}

}  // namespace apisix::plugin
