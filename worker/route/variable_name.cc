#include "worker/route/variable_name.h"

#include <unordered_map>

#include "shared/base/text.h"

namespace apisix::route {
namespace {

using enum VariableKind;

struct Known {
  std::string_view name;
  VariableKind kind;
};

// The first row of a kind is its canonical name.
constexpr Known kGatewayNames[] = {
    {"graphql_name", kGraphqlName},
    {"graphql_operation", kGraphqlOperation},
    {"graphql_root_fields", kGraphqlRootFields},
    {"balancer_ip", kBalancerIp},
    {"balancer_port", kBalancerPort},
    {"upstream_unresolved_host", kUpstreamUnresolvedHost},
    {"consumer_name", kConsumerName},
    {"consumer_group_id", kConsumerGroupId},
    {"route_id", kRouteId},
    {"route_name", kRouteName},
    {"service_id", kServiceId},
    {"service_name", kServiceName},
    {"resp_body", kRespBody},
    {"mqtt_client_id", kMqttClientId},
    {"redis_cmd_line", kRedisCmdLine},
    {"rpc_time", kRpcTime},
    {"real_request_uri", kRealRequestUri},
    {"request_line", kRequestLine},
    {"rate_limiting_info", kRateLimitingInfo},
    {"apisix_request_id", kApisixRequestId},
    {"apisix_upstream_response_time", kApisixUpstreamResponseTime},
    {"request_type", kRequestType},
    {"request_llm_model", kRequestLlmModel},
    {"llm_model", kLlmModel},
    {"llm_time_to_first_token", kLlmTimeToFirstToken},
    {"llm_prompt_tokens", kLlmPromptTokens},
    {"llm_completion_tokens", kLlmCompletionTokens},
    {"llm_total_tokens", kLlmTotalTokens},
    {"llm_stream", kLlmStream},
    {"llm_has_tool_calls", kLlmHasToolCalls},
    {"llm_tool_count", kLlmToolCount},
    {"llm_end_user_id", kLlmEndUserId},
    {"llm_cache_read_input_tokens", kLlmCacheReadInputTokens},
    {"llm_cache_creation_input_tokens", kLlmCacheCreationInputTokens},
    {"llm_reasoning_tokens", kLlmReasoningTokens},
    {"llm_content_risk_level", kLlmContentRiskLevel},
    {"opentelemetry_context_traceparent", kOpentelemetryContextTraceparent},
    {"opentelemetry_trace_id", kOpentelemetryTraceId},
    {"opentelemetry_span_id", kOpentelemetrySpanId},
    {"zipkin_context_traceparent", kZipkinContextTraceparent},
    {"zipkin_trace_id", kZipkinTraceId},
    {"zipkin_span_id", kZipkinSpanId},
    {"original_x_forwarded_proto", kOriginalXForwardedProto},
    {"original_x_forwarded_host", kOriginalXForwardedHost},
    {"original_x_forwarded_port", kOriginalXForwardedPort},
    {"original_x_forwarded_for", kOriginalXForwardedFor},
    {"original_forwarded", kOriginalForwarded},
    {"var_x_forwarded_proto", kVarXForwardedProto},
    {"var_x_forwarded_host", kVarXForwardedHost},
    {"var_x_forwarded_port", kVarXForwardedPort},
    {"var_x_forwarded_for", kVarXForwardedFor},
    {"proxy_rewrite_regex_uri_captures", kProxyRewriteRegexUriCaptures},
    {"upstream_scheme", kUpstreamScheme},
    {"upstream_host", kUpstreamHost},
    {"upstream_uri", kUpstreamUri},
    {"upstream_upgrade", kUpstreamUpgrade},
    {"upstream_connection", kUpstreamConnection},
    {"upstream_mirror_host", kUpstreamMirrorHost},
    {"upstream_mirror_uri", kUpstreamMirrorUri},
    {"upstream_mirror_grpc_path", kUpstreamMirrorGrpcPath},
    {"upstream_cache_zone", kUpstreamCacheZone},
    {"upstream_cache_zone_info", kUpstreamCacheZoneInfo},
    {"upstream_no_cache", kUpstreamNoCache},
    {"upstream_cache_key", kUpstreamCacheKey},
    {"upstream_cache_bypass", kUpstreamCacheBypass},
    {"request_method", kRequestMethod},
    {"method", kRequestMethod},
};

constexpr Known kServerNames[] = {
    {"args", kArgs},
    {"query_string", kArgs},
    {"binary_remote_addr", kBinaryRemoteAddr},
    {"body_bytes_sent", kBodyBytesSent},
    {"bytes_received", kBytesReceived},
    {"bytes_sent", kBytesSent},
    {"connection", kConnection},
    {"connection_requests", kConnectionRequests},
    {"connection_time", kConnectionTime},
    {"content_length", kContentLength},
    {"content_type", kContentType},
    {"host", kHost},
    {"hostname", kHostname},
    {"https", kHttps},
    {"http2", kHttp2},
    {"http3", kHttp3},
    {"is_args", kIsArgs},
    {"msec", kMsec},
    {"nginx_version", kNginxVersion},
    {"pid", kPid},
    {"pipe", kPipe},
    {"protocol", kProtocol},
    {"proxy_add_x_forwarded_for", kProxyAddXForwardedFor},
    {"proxy_protocol_addr", kProxyProtocolAddr},
    {"proxy_protocol_port", kProxyProtocolPort},
    {"proxy_protocol_server_addr", kProxyProtocolServerAddr},
    {"proxy_protocol_server_port", kProxyProtocolServerPort},
    {"realip_remote_addr", kRealipRemoteAddr},
    {"realip_remote_port", kRealipRemotePort},
    {"remote_addr", kRemoteAddr},
    {"remote_port", kRemotePort},
    {"remote_user", kRemoteUser},
    {"request", kRequest},
    {"request_body", kRequestBody},
    {"request_completion", kRequestCompletion},
    {"request_id", kRequestId},
    {"request_length", kRequestLength},
    {"request_method", kRequestMethod},
    {"request_time", kRequestTime},
    {"request_uri", kRequestUri},
    {"scheme", kScheme},
    {"server_addr", kServerAddr},
    {"server_name", kServerName},
    {"server_port", kServerPort},
    {"server_protocol", kServerProtocol},
    {"session_time", kSessionTime},
    {"ssl_alpn_protocol", kSslAlpnProtocol},
    {"ssl_cipher", kSslCipher},
    {"ssl_ciphers", kSslCiphers},
    {"ssl_client_cert", kSslClientCert},
    {"ssl_client_escaped_cert", kSslClientEscapedCert},
    {"ssl_client_fingerprint", kSslClientFingerprint},
    {"ssl_client_i_dn", kSslClientIDn},
    {"ssl_client_i_dn_legacy", kSslClientIDnLegacy},
    {"ssl_client_raw_cert", kSslClientRawCert},
    {"ssl_client_s_dn", kSslClientSDn},
    {"ssl_client_s_dn_legacy", kSslClientSDnLegacy},
    {"ssl_client_serial", kSslClientSerial},
    {"ssl_client_v_end", kSslClientVEnd},
    {"ssl_client_v_remain", kSslClientVRemain},
    {"ssl_client_v_start", kSslClientVStart},
    {"ssl_client_verify", kSslClientVerify},
    {"ssl_curve", kSslCurve},
    {"ssl_curves", kSslCurves},
    {"ssl_early_data", kSslEarlyData},
    {"ssl_protocol", kSslProtocol},
    {"ssl_server_name", kSslServerName},
    {"ssl_session_id", kSslSessionId},
    {"ssl_session_reused", kSslSessionReused},
    {"status", kStatus},
    {"time_iso8601", kTimeIso8601},
    {"time_local", kTimeLocal},
    {"upstream_addr", kUpstreamAddr},
    {"upstream_bytes_received", kUpstreamBytesReceived},
    {"upstream_bytes_sent", kUpstreamBytesSent},
    {"upstream_cache_status", kUpstreamCacheStatus},
    {"upstream_connect_time", kUpstreamConnectTime},
    {"upstream_header_time", kUpstreamHeaderTime},
    {"upstream_response_length", kUpstreamResponseLength},
    {"upstream_response_time", kUpstreamResponseTime},
    {"upstream_status", kUpstreamStatus},
    {"uri", kUri},
    {"document_uri", kUri},
};

struct Family {
  std::string_view prefix;
  VariableKind kind;
  bool is_header;   // detail folded to a header's spelling
  bool of_gateway;  // the prefix is case-sensitive, as APISIX looks at it before nginx does
};

constexpr Family kFamilies[] = {
    {"cookie_", kCookie, false, true},
    {"arg_", kArg, false, true},
    {"post_arg_", kPostArg, false, true},
    {"post_arg.", kPostArgPath, false, true},
    {"uri_param_", kUriParam, false, true},
    {"http_", kHttp, true, true},
    {"sent_http_", kSentHttp, true, false},
    {"sent_trailer_", kSentTrailer, true, false},
    {"upstream_http_", kUpstreamHttp, true, false},
    {"upstream_trailer_", kUpstreamTrailer, true, false},
    {"upstream_cookie_", kUpstreamCookie, false, false},
    {"tcpinfo_", kTcpinfo, false, false},
};

using Table = std::unordered_map<std::string_view, VariableKind>;

template <std::size_t N>
Table table_of(const Known (&rows)[N]) {
  Table table;
  for (const Known& row : rows) table.emplace(row.name, row.kind);
  return table;
}

const Table& gateway_table() {
  static const Table table = table_of(kGatewayNames);
  return table;
}

const Table& server_table() {
  static const Table table = table_of(kServerNames);
  return table;
}

std::string folded_header(std::string_view name) {
  std::string out = base::to_lower(name);
  for (char& c : out) {
    if (c == '_') c = '-';
  }
  return out;
}

// nullptr when `name` is of none; `lowered` is `name` in lower case.
const Family* family_of(std::string_view name, std::string_view lowered) {
  for (const Family& family : kFamilies) {
    if ((family.of_gateway ? name : lowered).starts_with(family.prefix)) return &family;
  }
  return nullptr;
}

}  // namespace

VariableName VariableName::parse(std::string_view name) {
  if (const auto it = gateway_table().find(name); it != gateway_table().end()) return {it->second, {}};
  const std::string lowered = base::to_lower(name);
  if (const auto it = server_table().find(lowered); it != server_table().end()) return {it->second, {}};
  if (const Family* family = family_of(name, lowered)) {
    const std::string_view rest = name.substr(family->prefix.size());
    return {family->kind, family->is_header ? folded_header(rest) : std::string(rest)};
  }
  return {kUnknown, std::string(name)};
}

std::string VariableName::to_string() const {
  if (kind == kUnknown) return detail;
  for (const Family& family : kFamilies) {
    if (family.kind != kind) continue;
    std::string out = detail;
    for (char& c : out) {
      if (family.is_header && c == '-') c = '_';
    }
    return std::string(family.prefix) + out;
  }
  for (const Known& row : kGatewayNames) {
    if (row.kind == kind) return std::string(row.name);
  }
  for (const Known& row : kServerNames) {
    if (row.kind == kind) return std::string(row.name);
  }
  return {};
}

}  // namespace apisix::route
