#include "worker/proxy/upstream_head.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "shared/base/text.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/joined_fields.h"
#include "shared/http/own_lines.h"
#include "shared/http/uri.h"
#include "worker/plugin/client_details.h"
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

[[gnu::noinline]] void read_real_ip(plugin::RequestState& request, const Options& options) {
  if (!is_in(options.real_ip_from, request.client.connection->peer_ip)) return;
  if (options.real_ip_header == "proxy_protocol") {
    const net::ProxiedAddresses* const proxied = request.client.connection->proxied();
    if (proxied != nullptr) request.set_remote(proxied->client, proxied->client_port);
    return;
  }
  const http::HeaderMap& headers = request.head->headers;
  if (options.real_ip_header_id == KnownHeader::kXForwardedFor) {
    const std::string_view value = join_values(request, KnownHeader::kXForwardedFor);
    if (!value.empty()) take_real_ip(request, options, value);
    return;
  }
  const http::HeaderField* field = headers.find(options.real_ip_header);
  if (field != nullptr) take_real_ip(request, options, field->value);
}

void set_or_remove(plugin::RequestState& request, KnownHeader id, std::string_view value) {
  if (value.empty()) {
    request.head->headers.remove(id);
  } else {
    request.head->headers.set_valid(request.arena, id, value);  // of the head, or of the connection
  }
}

// What this gateway saw of where the request came to.
struct Forwarded {
  std::string_view proto;
  std::string_view host;  // "": HTTP/1.0 without Host
  std::string_view port;
};

Forwarded observe(const plugin::RequestState& request) {
  const std::string_view authority = request.head->authority;
  // Behind the host is nothing but ":port".
  const std::size_t port_at = request.target.host.size() + 1;
  return {request.scheme(), authority,
          port_at < authority.size() ? authority.substr(port_at)
                                     : decimal(request.arena, request.client.connection->local_port)};
}

// Of a request that came with some of these fields: they keep their places.
[[gnu::noinline]] void replace_forwarded(plugin::RequestState& request, const Options& options,
                                         const Forwarded& observed) {
  http::HeaderMap& headers = request.head->headers;
  plugin::ForwardedOriginals& sent = request.originals;
  sent.x_forwarded_for = join_values(request, KnownHeader::kXForwardedFor);
  sent.x_forwarded_proto = join_values(request, KnownHeader::kXForwardedProto);
  sent.x_forwarded_host = join_values(request, KnownHeader::kXForwardedHost);
  sent.x_forwarded_port = join_values(request, KnownHeader::kXForwardedPort);
  sent.forwarded = headers.value(KnownHeader::kForwarded);
  const bool boundary = options.trusted_addresses.has_value();
  const bool trusted = boundary && is_in(*options.trusted_addresses, request.client.connection->peer_ip);
  const auto choose = [trusted](std::string_view said, std::string_view seen) {
    return trusted && !said.empty() ? said : seen;
  };
  set_or_remove(request, KnownHeader::kXForwardedProto, choose(sent.x_forwarded_proto, observed.proto));
  set_or_remove(request, KnownHeader::kXForwardedHost, choose(sent.x_forwarded_host, observed.host));
  set_or_remove(request, KnownHeader::kXForwardedPort, choose(sent.x_forwarded_port, observed.port));
  if (!trusted) headers.remove(KnownHeader::kForwarded);
  if (boundary && !trusted) headers.remove(KnownHeader::kXForwardedFor);
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
  // First what is nearly always so: there is no such field.
  const KnownHeader id = options.real_ip_header_id;
  if (id != KnownHeader::kUnknown ? request.head->headers.has(id) : !options.real_ip_header.empty())
      [[unlikely]] {
    read_real_ip(request, options);
  }
}

void apply_forwarded_headers(plugin::RequestState& request, const Options& options) {
  constexpr http::HeaderSet kAny{KnownHeader::kXForwardedFor, KnownHeader::kXForwardedProto,
                                 KnownHeader::kXForwardedHost, KnownHeader::kXForwardedPort,
                                 KnownHeader::kForwarded};
  const Forwarded observed = observe(request);
  if (request.head->headers.present().has_any_of(kAny)) [[unlikely]]
    return replace_forwarded(request, options, observed);
  http::OwnLines lines(request.arena, request.head->headers, 3,
                       observed.proto.size() + observed.host.size() + observed.port.size());
  lines.add(KnownHeader::kXForwardedProto, observed.proto);
  if (!observed.host.empty()) [[likely]]
    lines.add(KnownHeader::kXForwardedHost, observed.host);
  lines.add(KnownHeader::kXForwardedPort, observed.port);
}

void add_client_address(plugin::RequestState& request) {
  constexpr http::HeaderSet kAny{KnownHeader::kXRealIp, KnownHeader::kXForwardedFor};
  http::HeaderMap& headers = request.head->headers;
  const std::string_view address = request.remote_addr();
  if (!headers.present().has_any_of(kAny)) [[likely]] {
    http::OwnLines lines(request.arena, headers, 2, 2 * address.size());
    lines.add(KnownHeader::kXRealIp, address);
    return lines.add(KnownHeader::kXForwardedFor, address);
  }
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
