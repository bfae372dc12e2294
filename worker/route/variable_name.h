// The catalogue of request variables ($uri, $arg_x, $http_x ...) by kind, and the interface through which an
// expression reads their values. Names are resolved once, when configuration is compiled; at request time
// only the kind and the detail are looked at. APISIX behaviour: core/ctx.lua, reference sections 8.1 and 8.2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <json/forwards.h>

namespace apisix::format {
class RegexBudget;
}

namespace apisix::route {

enum class VariableKind : std::uint8_t {
  kUnknown,  // detail = the whole name: registered by a plugin, written into the request, or never set

  // Families; the detail is what follows the prefix.
  kArg,              // arg_<name>: query argument, decoded, case-sensitive, the first when repeated
  kCookie,           // cookie_<name>: case-sensitive
  kHttp,             // http_<header>: detail is the header's name, lower case with '-' (see parse)
  kPostArg,          // post_arg_<name>: urlencoded form field
  kPostArgPath,      // post_arg.<path>: body field by dotted path or JSONPath
  kUriParam,         // uri_param_<name>: captured by radixtree_uri_with_parameter
  kSentHttp,         // sent_http_<header>: response header to the client
  kSentTrailer,      // sent_trailer_<header>
  kUpstreamHttp,     // upstream_http_<header>: response header of the upstream
  kUpstreamTrailer,  // upstream_trailer_<header>
  kUpstreamCookie,   // upstream_cookie_<name>: cookie that the upstream sets
  kTcpinfo,          // tcpinfo_rtt, tcpinfo_rttvar, tcpinfo_snd_cwnd, tcpinfo_rcv_space

  // The gateway's own (8.1); names are case-sensitive.
  kGraphqlName,
  kGraphqlOperation,
  kGraphqlRootFields,
  kBalancerIp,
  kBalancerPort,
  kUpstreamUnresolvedHost,
  kConsumerName,
  kConsumerGroupId,
  kRouteId,
  kRouteName,
  kServiceId,
  kServiceName,
  kRespBody,
  kMqttClientId,
  kRedisCmdLine,
  kRpcTime,
  kRealRequestUri,
  kRequestLine,
  kRateLimitingInfo,
  kApisixRequestId,
  kApisixUpstreamResponseTime,
  kRequestType,
  kRequestLlmModel,
  kLlmModel,
  kLlmTimeToFirstToken,
  kLlmPromptTokens,
  kLlmCompletionTokens,
  kLlmTotalTokens,
  kLlmStream,
  kLlmHasToolCalls,
  kLlmToolCount,
  kLlmEndUserId,
  kLlmCacheReadInputTokens,
  kLlmCacheCreationInputTokens,
  kLlmReasoningTokens,
  kLlmContentRiskLevel,
  kOpentelemetryContextTraceparent,
  kOpentelemetryTraceId,
  kOpentelemetrySpanId,
  kZipkinContextTraceparent,
  kZipkinTraceId,
  kZipkinSpanId,
  kOriginalXForwardedProto,
  kOriginalXForwardedHost,
  kOriginalXForwardedPort,
  kOriginalXForwardedFor,
  kOriginalForwarded,
  kVarXForwardedProto,
  kVarXForwardedHost,
  kVarXForwardedPort,
  kVarXForwardedFor,
  kProxyRewriteRegexUriCaptures,
  kUpstreamScheme,  // from here to kUpstreamCacheBypass: writable, read by the proxy engine
  kUpstreamHost,
  kUpstreamUri,
  kUpstreamUpgrade,
  kUpstreamConnection,
  kUpstreamMirrorHost,
  kUpstreamMirrorUri,
  kUpstreamMirrorGrpcPath,
  kUpstreamCacheZone,
  kUpstreamCacheZoneInfo,
  kUpstreamNoCache,
  kUpstreamCacheKey,
  kUpstreamCacheBypass,

  // The web server's (8.2); names in any case.
  kArgs,  // also query_string
  kBinaryRemoteAddr,
  kBodyBytesSent,
  kBytesReceived,
  kBytesSent,
  kConnection,
  kConnectionRequests,
  kConnectionTime,
  kContentLength,
  kContentType,
  kHost,
  kHostname,
  kHttps,
  kHttp2,
  kHttp3,
  kIsArgs,
  kMsec,
  kNginxVersion,
  kPid,
  kPipe,
  kProtocol,
  kProxyAddXForwardedFor,
  kProxyProtocolAddr,
  kProxyProtocolPort,
  kProxyProtocolServerAddr,
  kProxyProtocolServerPort,
  kRealipRemoteAddr,
  kRealipRemotePort,
  kRemoteAddr,
  kRemotePort,
  kRemoteUser,
  kRequest,
  kRequestBody,
  kRequestCompletion,
  kRequestId,
  kRequestLength,
  kRequestMethod,  // also method
  kRequestTime,
  kRequestUri,
  kScheme,
  kServerAddr,
  kServerName,
  kServerPort,
  kServerProtocol,
  kSessionTime,
  kSslAlpnProtocol,  // from here to kSslSessionReused: is_of_tls()
  kSslCipher,
  kSslCiphers,
  kSslClientCert,
  kSslClientEscapedCert,
  kSslClientFingerprint,
  kSslClientIDn,
  kSslClientIDnLegacy,
  kSslClientRawCert,
  kSslClientSDn,
  kSslClientSDnLegacy,
  kSslClientSerial,
  kSslClientVEnd,
  kSslClientVRemain,
  kSslClientVStart,
  kSslClientVerify,
  kSslCurve,
  kSslCurves,
  kSslEarlyData,
  kSslProtocol,
  kSslServerName,
  kSslSessionId,
  kSslSessionReused,
  kStatus,
  kTimeIso8601,
  kTimeLocal,
  kUpstreamAddr,
  kUpstreamBytesReceived,
  kUpstreamBytesSent,
  kUpstreamCacheStatus,
  kUpstreamConnectTime,
  kUpstreamHeaderTime,
  kUpstreamResponseLength,
  kUpstreamResponseTime,
  kUpstreamStatus,
  kUri,  // also document_uri
};

// Set only on connections that speak TLS.
constexpr bool is_of_tls(VariableKind kind) {
  return kind >= VariableKind::kSslAlpnProtocol && kind <= VariableKind::kSslSessionReused;
}

struct VariableName {
  VariableKind kind = VariableKind::kUnknown;
  std::string detail;  // families: what follows the prefix; kUnknown: the whole name; else empty

  // Never fails: an unknown name is kUnknown and reads as unset unless a plugin registered it.
  // Header families fold their detail to the header's usual spelling: "http_X_Foo" and "http_x-foo" both
  // give "x-foo". As in nginx a header that is sent as "X_Foo" is the same variable, so a reader compares
  // names with '_' equal to '-'.
  static VariableName parse(std::string_view name);

  // The variable's name, canonical: parse(to_string()) == *this.
  std::string to_string() const;

  // Its value may be something else than text (query arguments without '=', which are Lua's true, JSON body
  // fields, GraphQL root fields, what plugins set): VariableReader::read_value() is asked first.
  bool may_be_structured() const {
    return kind == VariableKind::kArg || kind == VariableKind::kPostArgPath ||
           kind == VariableKind::kGraphqlRootFields || kind == VariableKind::kUnknown;
  }

  // It may be in the request's body, which has to be read first.
  bool is_of_body() const {
    return kind == VariableKind::kPostArg || kind == VariableKind::kPostArgPath ||
           (kind >= VariableKind::kGraphqlName && kind <= VariableKind::kGraphqlRootFields);
  }

  bool operator==(const VariableName&) const = default;
};

// Values of one request. Implemented over a request by the plugin room, over a table by tests.
// A variable that needs the request's body before it was read is nullopt; the implementation remembers that
// it was asked, so that the pipeline can read the body and match again.
class VariableReader {
 public:
  virtual ~VariableReader() = default;

  // The value as text, nullopt when unset (Lua's nil). The view lives until the next call.
  virtual std::optional<std::string_view> read(const VariableName& name) = 0;

  // The value when it is no text: number, bool, array, object. nullptr = text or unset, then read() decides.
  // Lives until the next call. Only asked for names that may_be_structured().
  virtual const Json::Value* read_value(const VariableName& name) { return nullptr; }

  // What the regular expressions of the request have left; nullptr: each has a budget of its own.
  virtual format::RegexBudget* regex_budget() { return nullptr; }
};

}  // namespace apisix::route
