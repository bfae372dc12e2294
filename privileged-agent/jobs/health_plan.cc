#include "privileged-agent/jobs/health_plan.h"

#include <algorithm>
#include <cstdio>

#include "shared/base/host_name.h"
#include "shared/base/text.h"
#include "shared/format/json.h"
#include "shared/resource/upstream.h"

namespace apisix::agent {
namespace {

using resource::ActiveCheck;
using resource::CheckType;

// A longer interval outlives what most servers keep an idle connection for.
constexpr std::uint64_t kKeepIntervalMsMax = 5000;
constexpr std::uint16_t kHttpsPort = 443;

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// What would end the request line is percent-encoded.
std::string target_of(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte != 0x7f) {
      out += c;
      continue;
    }
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", byte);
    out += code;
  }
  return out.starts_with('/') || out == "*" ? out : '/' + out;
}

bool names_header(std::string_view line, std::string_view name) {
  const std::size_t colon = line.find(':');
  return colon != std::string_view::npos && base::equals_ignore_case(base::trim(line.substr(0, colon)), name);
}

std::string request_of(const ActiveCheck& check, std::string_view host, bool keep) {
  const auto has = [&check](std::string_view name) {
    return std::ranges::any_of(check.req_headers,
                               [&](const std::string& line) { return names_header(line, name); });
  };
  std::string out = check.http_method + ' ' + target_of(check.http_path) + " HTTP/1.1\r\n";
  if (!has("host")) out.append("Host: ").append(host).append("\r\n");
  if (!keep && !has("connection")) out += "Connection: close\r\n";
  for (const std::string& line : check.req_headers) {
    if (is_one_line(line) && line.find(':') != std::string::npos) out.append(line).append("\r\n");
  }
  if (!check.http_req_body.empty() && !has("content-length")) {
    out += "Content-Length: " + std::to_string(check.http_req_body.size()) + "\r\n";
  }
  return out + "\r\n" + check.http_req_body;
}

bool keeps_connections(const ActiveCheck& check) {
  const std::uint64_t interval_ms = check.healthy.interval_ms;
  return interval_ms > 0 && interval_ms <= kKeepIntervalMsMax;
}

}  // namespace

ProbePlan HealthPlan::probe_of(const Node& node, const base::IpAddress& ip) const {
  const ActiveCheck& check = checks.active;
  ProbePlan out;
  out.ip = ip;
  out.port = node.port;
  out.timeout_ms = check.timeout_ms;
  out.verify = check.https_verify_certificate;
  if (is_udp || check.type == CheckType::kTcp) {
    out.kind = is_udp ? ProbePlan::Kind::kUdp : ProbePlan::Kind::kTcp;
    out.request = is_udp ? check.http_req_body : std::string();
    return out;
  }
  out.kind = check.type == CheckType::kHttps ? ProbePlan::Kind::kHttps : ProbePlan::Kind::kHttp;
  // APISIX's order: the host that the upstream is always asked for, the node's own name, the check's.
  std::string host = upstream_host;
  if (host.empty() && node.is_name) host = node.host;
  if (host.empty()) host = check.host;
  if (host.empty()) host = node.host;
  if (!is_one_line(host)) host.clear();
  out.server_name = base::server_name_of(host);
  out.shown = shown;
  out.keep = keeps_connections(check);
  out.is_head = check.http_method == "HEAD";
  out.request = request_of(check, host, /*keep=*/true);
  out.closing_request = request_of(check, host, /*keep=*/false);
  return out;
}

std::optional<HealthPlan> health_plan_of(std::string_view kind, const store::Item& item) {
  const bool is_upstream = kind == "upstreams";
  if (!is_upstream && kind != "routes" && kind != "services" && kind != "stream_routes") return std::nullopt;
  // Most of 100,000 routes have none: they are not even parsed.
  if (!item.value.contains("\"checks\"")) return std::nullopt;
  const auto value = format::parse_json(item.value);
  if (!value || !value->isObject()) return std::nullopt;
  const auto upstream =
      resource::parse_upstream(is_upstream ? *value : format::find_member(*value, "upstream"));
  if (!upstream || !upstream->checks) return std::nullopt;
  HealthPlan plan;
  plan.checks = resource::parse_health_checks(*upstream->checks);
  if (plan.checks.active.http_method.empty() || !is_one_line(plan.checks.active.http_method))
    return std::nullopt;
  if (upstream->pass_host == resource::PassHost::kRewrite) plan.upstream_host = upstream->upstream_host;
  if (resource::default_port(upstream->scheme) == kHttpsPort) plan.shown.tls = upstream->tls;
  plan.is_udp = upstream->scheme == resource::Scheme::kUdp;
  for (const resource::UpstreamNode& node : upstream->nodes) {
    std::uint16_t port = plan.checks.active.port != 0 ? plan.checks.active.port : node.port;
    if (port == 0) port = resource::default_port(upstream->scheme);
    if (port == 0) continue;
    plan.nodes.push_back({node.host, port, !base::IpAddress::parse(node.host).has_value()});
  }
  return plan;
}

}  // namespace apisix::agent
