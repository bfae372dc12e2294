#include "worker/plugin/stream_session.h"

#include "worker/plugin/tls_variables.h"
#include "worker/plugin/variable_text.h"

namespace apisix::plugin {
namespace {

using route::VariableKind;

std::optional<std::string_view> unless_empty(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

void StreamSession::set_variable(std::string_view name, std::string_view value) {
  for (Variable* known = variables_; known != nullptr; known = known->next) {
    if (known->name != name) continue;
    known->value = arena.copy(value);
    return;
  }
  variables_ = arena.make<Variable>(arena.copy(name), arena.copy(value), variables_);
}

std::optional<std::string_view> StreamSession::find_variable(std::string_view name) const {
  for (const Variable* known = variables_; known != nullptr; known = known->next) {
    if (known->name == name) return known->value;
  }
  return std::nullopt;
}

// What a plugin set comes first, under whatever name.
std::optional<std::string_view> StreamVariables::read(const route::VariableName& name) {
  if (const auto set = session_.find_variable(name.to_string())) return set;
  base::Arena& arena = session_.arena;
  switch (name.kind) {
    case VariableKind::kRemoteAddr:
      return arena.copy(session_.client.ip.to_string());
    case VariableKind::kRemotePort:
      return decimal_text(arena, session_.client.port);
    case VariableKind::kServerAddr:
      return arena.copy(session_.server.ip.to_string());
    case VariableKind::kServerPort:
      return decimal_text(arena, session_.server.port);
    case VariableKind::kProtocol:
      return session_.protocol == StreamProtocol::kTcp ? "TCP" : "UDP";
    case VariableKind::kBytesReceived:
      return decimal_text(arena, session_.bytes.from_client);
    case VariableKind::kBytesSent:
      return decimal_text(arena, session_.bytes.to_client);
    case VariableKind::kSessionTime:
      return milliseconds_text(arena, session_.clock.monotonic_us() - session_.started_us);
    case VariableKind::kStatus:
      return status_text(arena, session_.status);
    case VariableKind::kRouteId:
      return unless_empty(session_.route_id);
    case VariableKind::kServiceId:
      return unless_empty(session_.service_id);
    case VariableKind::kSslServerName:
      return unless_empty(session_.sni);
    default:
      return route::is_of_tls(name.kind) ? read_tls(name.kind) : read_upstream(name.kind);
  }
}

std::optional<std::string_view> StreamVariables::read_tls(VariableKind kind) const {
  if (session_.tls == nullptr) return std::nullopt;
  return unless_empty(
      session_.arena.copy(tls_variable_text(*session_.tls, kind, session_.clock.wall_seconds())));
}

std::optional<std::string_view> StreamVariables::read_upstream(VariableKind kind) const {
  if (session_.upstream.port == 0) return std::nullopt;
  base::Arena& arena = session_.arena;
  switch (kind) {
    case VariableKind::kBalancerIp:
      return arena.copy(session_.upstream.ip.to_string());
    case VariableKind::kBalancerPort:
      return decimal_text(arena, session_.upstream.port);
    case VariableKind::kUpstreamUnresolvedHost:
      return unless_empty(session_.upstream_host);
    case VariableKind::kUpstreamBytesSent:
      return decimal_text(arena, session_.bytes.to_upstream);
    case VariableKind::kUpstreamBytesReceived:
      return decimal_text(arena, session_.bytes.from_upstream);
    default:
      return std::nullopt;
  }
}

}  // namespace apisix::plugin
