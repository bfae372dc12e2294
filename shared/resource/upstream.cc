#include "shared/resource/upstream.h"

#include <algorithm>
#include <array>

#include "shared/base/ip.h"
#include "shared/base/text.h"
#include "shared/resource/fields.h"

namespace apisix::resource {
namespace {

constexpr std::array<std::string_view, 8> kSchemeNames = {"http", "https", "grpc", "grpcs",
                                                          "tcp",  "tls",   "udp",  "kafka"};
constexpr std::array<std::string_view, 5> kHashOnNames = {"vars", "header", "cookie", "consumer",
                                                          "vars_combinations"};
constexpr std::array<std::string_view, 3> kPassHostNames = {"pass", "node", "rewrite"};

// Sets `out` to the value of that name; a missing member keeps the default.
template <typename Enum, std::size_t count>
base::Status read_name(const Json& object, std::string_view member,
                       const std::array<std::string_view, count>& names, Enum& out) {
  const std::string name = text_field(object, member);
  if (name.empty()) return {};
  const auto* found = std::ranges::find(names, name);
  if (found == names.end()) return base::invalid("unknown " + std::string(member) + " \"" + name + '"');
  out = static_cast<Enum>(found - names.begin());
  return {};
}

std::string bracketed(const std::string& host) {
  return is_bare_ipv6(host) ? '[' + host + ']' : host;
}

std::uint16_t port_within_bounds(double port) {
  return port >= 1 && port <= 65535 ? static_cast<std::uint16_t>(port) : 0;
}

std::shared_ptr<const Json> shared_field(Json& object, std::string_view name) {
  return take_field(object, name);
}

// "host": "10.0.0.1:8080" and no port, which APISIX's schema lets pass and its balancer understands.
void take_port_of_host(UpstreamNode& node) {
  const NodeAddress parts = split_node_address(node.host);
  if (!parts.port) return;
  node.port = port_within_bounds(static_cast<double>(*parts.port));
  node.host = std::string(parts.host);
}

base::Result<std::vector<UpstreamNode>> parse_nodes(Json& nodes) {
  std::vector<UpstreamNode> out;
  out.reserve(nodes.size());
  for (auto entry = nodes.begin(); entry != nodes.end(); ++entry) {
    UpstreamNode node;
    if (nodes.isObject()) {
      const std::string address = entry.name();
      const NodeAddress parts = split_node_address(address);
      node.host = parts.host;
      if (parts.port) node.port = port_within_bounds(static_cast<double>(*parts.port));
      node.weight = count_of(*entry).value_or(0);
    } else {
      node.host = bracketed(text_field(*entry, "host"));
      node.port = port_within_bounds(integer_field(*entry, "port"));
      if (node.port == 0) take_port_of_host(node);
      node.weight = count_field(*entry, "weight").value_or(0);
      node.priority = integer_field(*entry, "priority");
      if (entry->isObject()) node.metadata = shared_field(*entry, "metadata");
    }
    if (node.host.empty()) return base::invalid("a node has no host");
    out.push_back(std::move(node));
  }
  return out;
}

std::optional<KeepalivePool> parse_keepalive_pool(const Json& pool) {
  if (!pool.isObject() && !pool.isArray()) return std::nullopt;
  const KeepalivePool defaults;
  return KeepalivePool{
      .size = count_field(pool, "size").value_or(defaults.size),
      .idle_timeout_ms = milliseconds_field(pool, "idle_timeout").value_or(defaults.idle_timeout_ms),
      .requests = count_field(pool, "requests").value_or(defaults.requests)};
}

std::shared_ptr<const UpstreamTls> parse_tls(const Json& tls) {
  if (!tls.isObject()) return nullptr;
  return std::make_shared<const UpstreamTls>(
      UpstreamTls{.client_cert_pem = text_field(tls, "client_cert"),
                  .client_key_pem = text_field(tls, "client_key"),
                  .client_cert_id = id_field(tls, "client_cert_id"),
                  .verify = bool_field(tls, "verify").value_or(false)});
}

void read_policy(const Json& json, Upstream& upstream) {
  if (std::string type = text_field(json, "type"); !type.empty()) upstream.type = std::move(type);
  upstream.key = text_field(json, "key");
  upstream.upstream_host = text_field(json, "upstream_host");
  upstream.retries = count_field(json, "retries");
  upstream.retry_timeout_ms = milliseconds_field(json, "retry_timeout").value_or(0);
  upstream.timeouts = parse_timeouts(format::find_member(json, "timeout"));
  upstream.keepalive_pool = parse_keepalive_pool(format::find_member(json, "keepalive_pool"));
  upstream.tls = parse_tls(format::find_member(json, "tls"));
}

}  // namespace

std::string_view name_of(Scheme scheme) {
  return kSchemeNames[static_cast<std::size_t>(scheme)];
}

std::string_view name_of(HashOn hash_on) {
  return kHashOnNames[static_cast<std::size_t>(hash_on)];
}

std::uint16_t default_port(Scheme scheme) {
  if (scheme == Scheme::kHttp || scheme == Scheme::kGrpc) return 80;
  return scheme == Scheme::kHttps || scheme == Scheme::kGrpcs ? 443 : 0;
}

base::Result<Upstream> parse_upstream(Json json) {
  if (!json.isObject()) return base::invalid("upstream: expected an object");
  Upstream upstream;
  upstream.id = id_field(json, "id");
  upstream.name = text_field(json, "name");
  read_policy(json, upstream);
  upstream.service_name = text_field(json, "service_name");
  upstream.discovery_type = text_field(json, "discovery_type");
  for (const base::Status& status : {read_name(json, "scheme", kSchemeNames, upstream.scheme),
                                     read_name(json, "hash_on", kHashOnNames, upstream.hash_on),
                                     read_name(json, "pass_host", kPassHostNames, upstream.pass_host)}) {
    if (!status) return base::invalid("upstream: " + status.error().what);
  }
  if (Json& nodes = json["nodes"]; nodes.isObject() || nodes.isArray()) {
    auto parsed = parse_nodes(nodes);
    if (!parsed) return base::invalid("upstream: " + parsed.error().what);
    upstream.nodes = std::move(*parsed);
  }
  upstream.discovery_args = shared_field(json, "discovery_args");
  upstream.checks = shared_field(json, "checks");
  return upstream;
}

std::optional<Timeouts> parse_timeouts(const Json& timeout) {
  if (!timeout.isObject()) return std::nullopt;
  const Timeouts defaults;
  return Timeouts{.connect_ms = milliseconds_field(timeout, "connect").value_or(defaults.connect_ms),
                  .send_ms = milliseconds_field(timeout, "send").value_or(defaults.send_ms),
                  .read_ms = milliseconds_field(timeout, "read").value_or(defaults.read_ms)};
}

NodeAddress split_node_address(std::string_view address) {
  if (address.size() < 2) return {address, std::nullopt};
  const bool is_bracketed = address.front() == '[';
  if (is_bracketed && address.back() == ']') return {address, std::nullopt};
  // Two colons and no dot before them: IPv6 without brackets, which cannot have a port.
  const std::size_t first = address.find_first_of(".:");
  const bool is_ipv6 = !is_bracketed && first < address.size() && address[first] == ':' &&
                       address.find_first_of(".:", first + 1) < address.size() &&
                       address[address.find_first_of(".:", first + 1)] == ':';
  const std::size_t colon = address.rfind(':', address.size() - 2);
  if (is_ipv6 || colon == std::string_view::npos) return {address, std::nullopt};
  if (is_bracketed && (colon == 0 || address[colon - 1] != ']')) return {address, std::nullopt};
  return {address.substr(0, colon), base::parse_integer<long>(address.substr(colon + 1))};
}

bool is_bare_ipv6(std::string_view host) {
  return !host.starts_with('[') && host.find(':') != std::string_view::npos &&
         base::IpAddress::parse(host).has_value();
}

}  // namespace apisix::resource
