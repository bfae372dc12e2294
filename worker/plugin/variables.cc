#include "worker/plugin/variables.h"

#include <array>
#include <ctime>

#include <fmt/format.h>
#include <unistd.h>

#include "shared/base/base64.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/http/cookie.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/joined_fields.h"
#include "shared/http/request_line.h"
#include "shared/http/uri.h"
#include "shared/net/proxy_tlv.h"
#include "worker/plugin/client_details.h"
#include "worker/plugin/graphql_fields.h"
#include "worker/plugin/tls_variables.h"
#include "worker/plugin/variable_text.h"

namespace apisix::plugin {
namespace {

using route::VariableKind;
using Value = std::optional<std::string_view>;
using std::string_view_literals::operator""sv;

Value unless_empty(std::string_view value) {
  return value.empty() ? Value{} : Value{value};
}

// Fields that nginx knows by their own name, where '_' is another field: behind a proxy that appends to
// X-Forwarded-For, a client could put its own address last by sending X_Forwarded_For.
bool is_exact(std::string_view name) {
  return name == "x-forwarded-for" || name == "user-agent";
}

// `name` is lower case with '-'; a field may be sent with '_' (nginx's variables do not tell them apart).
bool is_field(const http::HeaderField& field, std::string_view name) {
  if (field.name.size() != name.size()) return false;
  if (is_exact(name)) return base::equals_ignore_case(field.name, name);
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = field.name[i] == '_' ? '-' : base::to_lower(field.name[i]);
    if (c != name[i]) return false;
  }
  return true;
}

// Several fields of a name are joined with ", " as nginx does ("; " for cookies).
Value read_header(RequestState& request, const http::HeaderMap& headers, std::string_view name) {
  const std::string_view separator = name == "cookie" ? "; "sv : ", "sv;
  return http::join_fields(headers, separator, request.arena, request.texts,
                           [name](const http::HeaderField& field) { return is_field(field, name); });
}

// Pieces that belong together, as one text that is made once.
template <typename... Pieces>
std::string_view join(RequestState& request, const Pieces&... pieces) {
  return request.texts.join(request.arena, [&](const auto& add) { (add(std::string_view(pieces)), ...); });
}

Value tcp_figure(const RequestState& request, std::string_view name) {
  const auto figure = request.client.connection->socket.tcp_figure(name);
  return figure ? decimal_text(request.arena, *figure) : Value{};
}

Value local_address(const RequestState& request) {
  const auto ip = request.client.connection->socket.local_ip();
  return ip ? request.arena.copy(ip->to_string()) : Value{};
}

std::string_view proxied_text(base::Arena& arena, const net::ProxiedAddresses& proxied, VariableKind kind) {
  switch (kind) {
    case VariableKind::kProxyProtocolAddr:
      return arena.copy(proxied.client.to_string());
    case VariableKind::kProxyProtocolPort:
      return decimal_text(arena, proxied.client_port);
    case VariableKind::kProxyProtocolServerAddr:
      return arena.copy(proxied.server.to_string());
    default:
      return decimal_text(arena, proxied.server_port);
  }
}

// Bytes that a balancer wrote, or that it took from its client (the server name).
constexpr std::string_view kTlvPrefix = "proxy_protocol_tlv_";

Value proxied_tlv(RequestState& request, std::string_view name) {
  const ClientDetails* const details = request.client.connection->details.get();
  if (details == nullptr || details->proxy_tlvs == nullptr) return std::nullopt;
  const auto value = net::find_proxy_tlv(*details->proxy_tlvs, base::to_lower(name));
  return value ? Value{join(request, *value)} : Value{};
}

std::string_view host_name() {
  static const std::string name = [] {
    std::array<char, 256> text{};
    ::gethostname(text.data(), text.size() - 1);
    return std::string(text.data());
  }();
  return name;
}

// User name of Basic credentials, as nginx's $remote_user.
Value remote_user(RequestState& request) {
  const std::string_view value = request.head->headers.value(http::KnownHeader::kAuthorization);
  if (value.size() < 6 || !base::equals_ignore_case(value.substr(0, 6), "basic ")) return std::nullopt;
  const std::string_view credentials = base::trim(value.substr(6));
  const auto decoded = base::decode_base64(credentials);
  if (!decoded) return std::nullopt;
  const auto colon = decoded->find(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  return join(request, std::string_view(*decoded).substr(0, colon));
}

}  // namespace

Value Variables::read(const route::VariableName& name) {
  if (name.kind == VariableKind::kUnknown) return read_custom(name.detail);
  if (name.kind <= VariableKind::kTcpinfo) return read_family(name);
  if (name.kind <= VariableKind::kGraphqlRootFields) return read_graphql(name.kind);
  if (Value value = read_request(name.kind)) return value;
  if (route::is_of_tls(name.kind)) return read_tls(name.kind);
  if (Value value = read_client(name.kind)) return value;
  if (Value value = read_connection(name.kind)) return value;
  if (Value value = read_response(name.kind)) return value;
  if (Value value = read_upstream(name.kind)) return value;
  return read_matched(name.kind);
}

Value Variables::read_custom(std::string_view name) {
  const CustomVariable* variable = request_.find_variable(name);
  if (variable != nullptr) return variable->value;
  if (name.size() > kTlvPrefix.size() &&
      base::equals_ignore_case(name.substr(0, kTlvPrefix.size()), kTlvPrefix))
    return proxied_tlv(request_, name.substr(kTlvPrefix.size()));
  return registered_.read != nullptr ? registered_.read(registered_.context, request_, name) : Value{};
}

Value Variables::read_family(const route::VariableName& name) {
  const http::RequestHead& head = *request_.head;
  switch (name.kind) {
    case VariableKind::kArg:
      return read_arg(name.detail);
    case VariableKind::kCookie:
      return http::find_cookie(head.headers, name.detail);
    case VariableKind::kHttp:
      return read_header(request_, head.headers, name.detail);
    case VariableKind::kUriParam:
      for (std::size_t i = 0; i < request_.matched.parameter_count; ++i) {
        if (request_.matched.parameters[i].name == name.detail) return request_.matched.parameters[i].value;
      }
      return std::nullopt;
    case VariableKind::kSentHttp:
      return read_header(request_, request_.response.headers, name.detail);
    case VariableKind::kUpstreamHttp:
      if (request_.response.upstream_head == nullptr) return std::nullopt;
      return read_header(request_, request_.response.upstream_head->headers, name.detail);
    case VariableKind::kTcpinfo:
      return tcp_figure(request_, name.detail);
    default:
      return read_post_arg(name);
  }
}

// ngx.req.get_uri_args(): decoded, and of several the first. An argument without '=' is Lua's true, which is
// "true" wherever text is made of it.
Value Variables::read_arg(std::string_view name) {
  if (request_.target.args.empty()) return std::nullopt;
  const auto found = request_.query_table().find(name);
  if (!found) return std::nullopt;
  return found->has_value ? found->value : "true"sv;
}

// A body is not read unless a condition is about it: unset until then.
Value Variables::read_post_arg(const route::VariableName& name) {
  if (name.kind != VariableKind::kPostArg && name.kind != VariableKind::kPostArgPath) return std::nullopt;
  if (!request_.body.is_read()) {
    request_.body.ask_for();
    return std::nullopt;
  }
  if (name.kind == VariableKind::kPostArg) return request_.body.form_field(name.detail, request_.arena);
  return request_.body.field_text(name.detail, request_.arena);
}

Value Variables::read_graphql(VariableKind kind) {
  const GraphqlFields* fields = GraphqlFields::find(request_);
  if (fields == nullptr) return std::nullopt;
  if (kind == VariableKind::kGraphqlName) return fields->name();
  if (kind == VariableKind::kGraphqlOperation) return fields->operation();
  if (fields->root_fields() == nullptr) return std::nullopt;
  return request_.arena.copy(format::to_json(*fields->root_fields()));
}

// Numbers, lists and objects inside a body keep their type in comparisons, as true does; text is read().
const format::Json* Variables::read_value(const route::VariableName& name) {
  if (name.kind == VariableKind::kArg) {
    static const format::Json is_there(true);
    const auto found = request_.target.args.empty() ? std::nullopt : request_.query_table().find(name.detail);
    return found && !found->has_value ? &is_there : nullptr;
  }
  if (name.kind == VariableKind::kGraphqlRootFields) {
    const GraphqlFields* fields = GraphqlFields::find(request_);
    return fields != nullptr ? fields->root_fields() : nullptr;
  }
  if (name.kind != VariableKind::kPostArgPath) return nullptr;
  if (!request_.body.is_read()) {
    request_.body.ask_for();
    return nullptr;
  }
  const format::Json* field = request_.body.field(name.detail);
  return field == nullptr || field->isString() || field->isNull() ? nullptr : field;
}

Value Variables::read_request(VariableKind kind) {
  const http::RequestHead& head = *request_.head;
  base::Arena& arena = request_.arena;
  switch (kind) {
    case VariableKind::kUri:
      return request_.target.path;
    case VariableKind::kArgs:
      return unless_empty(request_.target.args);
    case VariableKind::kIsArgs:
      return request_.target.args.empty() ? ""sv : "?"sv;
    case VariableKind::kHost:
      return unless_empty(request_.target.host);
    case VariableKind::kRequestMethod:
      return head.method_text;
    case VariableKind::kScheme:
      return request_.scheme();
    case VariableKind::kHttps:
      return request_.client.connection->is_tls ? Value{"on"} : Value{""};
    case VariableKind::kHttp2:
      if (head.protocol != http::Protocol::k2) return Value{""};
      return request_.scheme() == "https" ? Value{"h2"} : Value{"h2c"};
    case VariableKind::kServerProtocol:
      return http::protocol_text(head.protocol);
    case VariableKind::kRequest:
    case VariableKind::kRequestLine:
      return unless_empty(http::request_line(*request_.head, request_.arena));
    case VariableKind::kRealRequestUri:
      return unless_empty(head.target);
    case VariableKind::kRequestUri:
      return request_.request_uri();
    case VariableKind::kContentLength:
      return read_header(request_, head.headers, "content-length");
    case VariableKind::kContentType:
      return unless_empty(head.headers.value(http::KnownHeader::kContentType));
    case VariableKind::kRemoteUser:
      return remote_user(request_);
    case VariableKind::kRequestId:
      return request_.request_id();
    case VariableKind::kApisixRequestId: {
      const Value given = read_custom("apisix_request_id");  // by a plugin
      return given ? given : request_.request_id();
    }
    case VariableKind::kRequestLength:
      return decimal_text(arena, request_.received.bytes);
    case VariableKind::kRequestTime:
      return milliseconds_text(arena, request_.clock.monotonic_us() - request_.received.monotonic_us);
    case VariableKind::kRequestType:
      return "traditional_http"sv;
    case VariableKind::kMsec:
      return milliseconds_text(arena, request_.clock.wall_us());
    case VariableKind::kTimeLocal:
      return time_local_text(request_.clock.wall_seconds());
    case VariableKind::kTimeIso8601:
      return time_iso8601_text(request_.clock.wall_seconds());
    case VariableKind::kOriginalXForwardedFor:
      return unless_empty(request_.originals.x_forwarded_for);
    case VariableKind::kOriginalXForwardedProto:
      return unless_empty(request_.originals.x_forwarded_proto);
    case VariableKind::kOriginalXForwardedHost:
      return unless_empty(request_.originals.x_forwarded_host);
    case VariableKind::kOriginalXForwardedPort:
      return unless_empty(request_.originals.x_forwarded_port);
    case VariableKind::kOriginalForwarded:
      return unless_empty(request_.originals.forwarded);
    default:
      return std::nullopt;
  }
}

// Who it is: the peer, the client that real_ip found behind it, the one that a PROXY header names.
Value Variables::read_client(VariableKind kind) {
  const ClientInfo& client = *request_.client.connection;
  base::Arena& arena = request_.arena;
  switch (kind) {
    case VariableKind::kRemoteAddr:
      return request_.remote_addr();
    case VariableKind::kRemotePort:
      return decimal_text(arena, request_.client.port);
    case VariableKind::kRealipRemoteAddr:
      return arena.copy(client.peer_ip.to_string());
    case VariableKind::kRealipRemotePort:
      return decimal_text(arena, client.peer_port);
    case VariableKind::kBinaryRemoteAddr: {
      const auto& bytes = request_.client.ip.bytes();
      const std::size_t skip = request_.client.ip.is_v4() ? 12 : 0;
      return arena.copy({reinterpret_cast<const char*>(bytes.data()) + skip, bytes.size() - skip});
    }
    case VariableKind::kProxyProtocolAddr:
    case VariableKind::kProxyProtocolPort:
    case VariableKind::kProxyProtocolServerAddr:
    case VariableKind::kProxyProtocolServerPort:
      return client.proxied() != nullptr ? Value{proxied_text(arena, *client.proxied(), kind)} : Value{};
    default:
      return std::nullopt;
  }
}

// Unset without TLS, and where the client has no certificate or no such value.
Value Variables::read_tls(VariableKind kind) {
  const net::TlsInfo* tls = request_.client.connection->tls();
  if (tls == nullptr) return std::nullopt;
  const std::string text = tls_variable_text(*tls, kind, request_.clock.wall_seconds());
  return text.empty() ? Value{} : Value{join(request_, text)};
}

Value Variables::read_connection(VariableKind kind) {
  const ClientInfo& client = *request_.client.connection;
  base::Arena& arena = request_.arena;
  switch (kind) {
    case VariableKind::kServerAddr:
      return local_address(request_);
    case VariableKind::kServerPort:
      return decimal_text(arena, client.local_port);
    case VariableKind::kServerName:
      return "_"sv;
    case VariableKind::kHostname:
      return host_name();
    case VariableKind::kConnection:
      return decimal_text(arena, client.connection_serial);
    case VariableKind::kConnectionRequests:
      return decimal_text(arena, client.requests);
    case VariableKind::kProtocol:
      return "TCP"sv;
    case VariableKind::kPipe:
      return "."sv;
    case VariableKind::kPid:
      return decimal_text(arena, static_cast<std::uint64_t>(::getpid()));
    case VariableKind::kNginxVersion:
      return "1.27.1"sv;
    case VariableKind::kVarXForwardedHost:
      return unless_empty(request_.head->headers.value(http::KnownHeader::kXForwardedHost));
    case VariableKind::kVarXForwardedPort:
      return unless_empty(request_.head->headers.value(http::KnownHeader::kXForwardedPort));
    case VariableKind::kVarXForwardedProto:
      return unless_empty(request_.head->headers.value(http::KnownHeader::kXForwardedProto));
    case VariableKind::kProxyAddXForwardedFor: {
      const auto sent = read_header(request_, request_.head->headers, "x-forwarded-for");
      return sent ? join(request_, *sent, ", "sv, request_.remote_addr()) : request_.remote_addr();
    }
    default:
      return std::nullopt;
  }
}

Value Variables::read_response(VariableKind kind) {
  const ResponseState& response = request_.response;
  switch (kind) {
    case VariableKind::kStatus:
      return status_text(request_.arena, response.status);
    case VariableKind::kBodyBytesSent:
      return decimal_text(request_.arena, response.body_bytes_sent);
    case VariableKind::kBytesSent:
      return decimal_text(request_.arena, response.bytes_sent);
    case VariableKind::kRequestCompletion:
      return response.complete ? "OK"sv : ""sv;
    default:
      return std::nullopt;
  }
}

Value Variables::read_upstream(VariableKind kind) {
  const Attempt* last = request_.attempts.last;
  base::Arena& arena = request_.arena;
  switch (kind) {
    case VariableKind::kUpstreamScheme:
      return request_.upstream.scheme;
    case VariableKind::kUpstreamHost:
      return request_.upstream.host.empty() ? request_.head->authority : request_.upstream.host;
    case VariableKind::kUpstreamUri:
      return request_.upstream.uri;
    case VariableKind::kUpstreamUnresolvedHost:
      return unless_empty(request_.upstream.unresolved_host);
    case VariableKind::kBalancerIp:
      return last != nullptr ? Value{arena.copy(last->ip.to_string())} : Value{};
    case VariableKind::kBalancerPort:
      return last != nullptr ? Value{decimal_text(arena, last->port)} : Value{};
    case VariableKind::kUpstreamAddr:
    case VariableKind::kUpstreamStatus:
    case VariableKind::kUpstreamConnectTime:
    case VariableKind::kUpstreamHeaderTime:
    case VariableKind::kUpstreamResponseTime:
    case VariableKind::kApisixUpstreamResponseTime:
    case VariableKind::kUpstreamResponseLength:
    case VariableKind::kUpstreamBytesSent:
    case VariableKind::kUpstreamBytesReceived:
      return attempts_text(request_, kind);
    default:
      return std::nullopt;
  }
}

Value Variables::read_matched(VariableKind kind) {
  const Matched& matched = request_.matched;
  switch (kind) {
    case VariableKind::kRouteId:
      return unless_empty(matched.route_id);
    case VariableKind::kRouteName:
      return unless_empty(matched.route_name);
    case VariableKind::kServiceId:
      return unless_empty(matched.service_id);
    case VariableKind::kServiceName:
      return unless_empty(matched.service_name);
    case VariableKind::kConsumerName:
      return request_.identity.consumer ? unless_empty(request_.identity.consumer->username) : Value{};
    case VariableKind::kConsumerGroupId:
      return request_.identity.consumer ? unless_empty(request_.identity.consumer->group_id) : Value{};
    case VariableKind::kRespBody:
      return read_custom("resp_body");
    case VariableKind::kRateLimitingInfo:
      if (request_.notes.rate_limiting == nullptr) return std::nullopt;
      return rate_limiting_text(request_.arena, *request_.notes.rate_limiting);
    case VariableKind::kProxyRewriteRegexUriCaptures:
      return read_custom("proxy_rewrite_regex_uri_captures");
    default:
      return std::nullopt;
  }
}

}  // namespace apisix::plugin
