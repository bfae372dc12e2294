#include "worker/proxy/upstream_head.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "shared/base/text.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/joined_fields.h"
#include "shared/http/uri.h"
#include "worker/plugin/forwarded_address.h"

namespace apisix::proxy {
namespace {

using std::string_view_literals::operator""sv;
using http::KnownHeader;

bool is_in(const std::vector<base::Cidr>& networks, const base::IpAddress& ip) {
  for (const base::Cidr& network : networks) {
    if (network.contains(ip)) return true;
  }
  return false;
}

std::string_view decimal(base::Arena& arena, std::uint64_t number) {
  std::array<char, 20> digits;
  const char* end = http::append_decimal(digits.data(), number);
  return arena.copy({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

// The address that `value`, a list, ends with; with `recursive`, the last one that is not trusted.
void take_real_ip(plugin::RequestState& request, const Options& options, std::string_view value) {
  for (;;) {
    const auto comma = value.rfind(',');
    const auto last = comma == std::string_view::npos ? value : value.substr(comma + 1);
    const auto parsed = plugin::parse_forwarded_address(last);
    if (!parsed) return;
    request.set_remote(parsed->ip, parsed->port.value_or(0));
    if (!options.real_ip_recursive || comma == std::string_view::npos ||
        !is_in(options.real_ip_from, parsed->ip)) {
      return;
    }
    value = value.substr(0, comma);
  }
}

std::string_view join_values(plugin::RequestState& request, KnownHeader id) {
  const http::HeaderMap& headers = request.head->headers;
  if (!headers.has(id)) return {};  // most requests: no look at the fields
  // Empty fields at the front are left out.
  const auto* const first = std::ranges::find_if(
      headers, [id](const http::HeaderField& field) { return field.id == id && !field.value.empty(); });
  return http::join_fields(headers, ", ", request.arena, request.texts,
                           [&](const http::HeaderField& field) { return &field >= first && field.id == id; })
      .value_or(std::string_view{});
}

std::string_view host_port_of(std::string_view authority) {
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.find(']', colon) != std::string_view::npos) return {};
  return authority.substr(colon + 1);
}

void set_or_remove(plugin::RequestState& request, KnownHeader id, std::string_view value) {
  if (value.empty()) {
    request.head->headers.remove(id);
  } else {
    request.head->headers.set_valid(request.arena, id, value);  // of the head, or of the connection
  }
}

bool is_default_port(std::string_view scheme, std::uint16_t port) {
  return (scheme == "http" && port == 80) || (scheme == "https" && port == 443) ||
         (scheme == "grpc" && port == 80) || (scheme == "grpcs" && port == 443);
}

// With pass_host "node". Of a plugin's upstream APISIX knows no scheme yet when it makes Host, and leaves the
// port out, unless the scheme is https or another plugin has set one.
bool leaves_port_out(const plugin::UpstreamTarget& target, const config::CompiledUpstream& upstream,
                     std::uint16_t node_port) {
  if (is_default_port(target.scheme, node_port)) return true;
  return upstream.is_of_plugin && target.wanted_scheme.empty() && upstream.scheme != "https";
}

std::string_view node_authority(const plugin::RequestState& request, const plugin::UpstreamTarget& target,
                                const config::CompiledUpstream& upstream, std::string_view node_host,
                                std::uint16_t node_port) {
  if (leaves_port_out(target, upstream, node_port)) return node_host;
  return request.arena.concat(node_host, ":"sv, decimal(request.arena, node_port));
}

}  // namespace

void apply_real_ip(plugin::RequestState& request, const Options& options) {
  if (options.real_ip_header.empty() || !is_in(options.real_ip_from, request.client.connection->peer_ip))
    return;
  const http::HeaderMap& headers = request.head->headers;
  if (options.real_ip_source == RealIpSource::kXForwardedFor) {
    const std::string_view value = join_values(request, KnownHeader::kXForwardedFor);
    if (!value.empty()) take_real_ip(request, options, value);
    return;
  }
  const http::HeaderField* field = headers.find(options.real_ip_header);
  if (field != nullptr) take_real_ip(request, options, field->value);
}

void apply_forwarded_headers(plugin::RequestState& request, const Options& options) {
  http::HeaderMap& headers = request.head->headers;
  constexpr http::HeaderSet kAny{KnownHeader::kXForwardedFor, KnownHeader::kXForwardedProto,
                                 KnownHeader::kXForwardedHost, KnownHeader::kXForwardedPort,
                                 KnownHeader::kForwarded};
  const bool any = headers.present().has_any_of(kAny);
  if (any) {
    request.originals.x_forwarded_for = join_values(request, KnownHeader::kXForwardedFor);
    request.originals.x_forwarded_proto = join_values(request, KnownHeader::kXForwardedProto);
    request.originals.x_forwarded_host = join_values(request, KnownHeader::kXForwardedHost);
    request.originals.x_forwarded_port = join_values(request, KnownHeader::kXForwardedPort);
    request.originals.forwarded = headers.value(KnownHeader::kForwarded);
  }
  const bool boundary = options.trusted_addresses.has_value();
  const bool trusted = boundary && is_in(*options.trusted_addresses, request.client.connection->peer_ip);
  const auto choose = [&](std::string_view sent, std::string_view observed) {
    return trusted && !sent.empty() ? sent : observed;
  };
  std::string_view port = host_port_of(request.head->authority);
  if (port.empty()) port = decimal(request.arena, request.client.connection->local_port);
  set_or_remove(request, KnownHeader::kXForwardedProto,
                choose(request.originals.x_forwarded_proto, request.scheme()));
  set_or_remove(request, KnownHeader::kXForwardedHost,
                choose(request.originals.x_forwarded_host, request.head->authority));
  set_or_remove(request, KnownHeader::kXForwardedPort, choose(request.originals.x_forwarded_port, port));
  if (!any) return;
  if (!trusted) headers.remove(KnownHeader::kForwarded);
  if (boundary && !trusted) headers.remove(KnownHeader::kXForwardedFor);
}

void add_client_address(plugin::RequestState& request) {
  http::HeaderMap& headers = request.head->headers;
  const std::string_view address = request.remote_addr();
  headers.set_valid(request.arena, KnownHeader::kXRealIp, address);
  const std::string_view sent = join_values(request, KnownHeader::kXForwardedFor);
  headers.set_valid(request.arena, KnownHeader::kXForwardedFor,
                    sent.empty() ? address : request.arena.concat(sent, ", "sv, address));
}

void set_upstream_target(plugin::RequestState& request, const config::CompiledUpstream& upstream,
                         std::string_view node_host, std::uint16_t node_port) {
  plugin::UpstreamTarget& target = request.upstream;
  target.scheme = target.wanted_scheme.empty() ? std::string_view(upstream.scheme) : target.wanted_scheme;
  target.unresolved_host = node_host;
  switch (upstream.pass_host) {
    case config::PassHost::kPass:
      target.host = target.wanted_host.empty() ? request.head->authority : target.wanted_host;
      // Only HTTP/1.0 may come without: the request goes out as 1.1, which must have one (RFC 9112 3.2).
      if (target.host.empty()) [[unlikely]]
        target.host = node_authority(request, target, upstream, node_host, node_port);
      break;
    case config::PassHost::kRewrite:
      target.host = upstream.upstream_host;
      break;
    case config::PassHost::kNode:
      target.host = node_authority(request, target, upstream, node_host, node_port);
      break;
  }
  if (target.uri.empty()) target.uri = request.forward_target();
}

}  // namespace apisix::proxy
