// Upstream: where a request goes. The object as it was written, defaults filled in; the run-time side
// (balancer, health, connections) belongs to worker/upstream. Rules and defaults: reference 2.3.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::resource {

enum class Scheme : std::uint8_t { kHttp, kHttps, kGrpc, kGrpcs, kTcp, kTls, kUdp, kKafka };
// What chash hashes.
enum class HashOn : std::uint8_t { kVars, kHeader, kCookie, kConsumer, kVarsCombinations };
// Which Host the upstream sees: the client's, the node's, or upstream_host.
enum class PassHost : std::uint8_t { kPass, kNode, kRewrite };

std::string_view name_of(Scheme scheme);
std::string_view name_of(HashOn hash_on);
// 80 or 443; 0 when the scheme has no default port.
std::uint16_t default_port(Scheme scheme);

struct UpstreamNode {
  std::string host;        // name or address; IPv6 in brackets
  std::uint16_t port = 0;  // 0 = default_port() of the scheme in use
  std::uint32_t weight = 1;
  std::int32_t priority = 0;
  std::shared_ptr<const format::Json> metadata;  // null = none
};

// Of one attempt at a node; nginx's defaults.
struct Timeouts {
  std::uint32_t connect_ms = 60000;
  std::uint32_t send_ms = 60000;
  std::uint32_t read_ms = 60000;
};

struct KeepalivePool {
  std::uint32_t size = 320;
  std::uint32_t idle_timeout_ms = 60000;
  std::uint32_t requests = 1000;
};

struct UpstreamTls {
  std::string client_cert_pem;
  std::string client_key_pem;  // may be encrypted, as it was stored
  std::string client_cert_id;  // of an SSL object of type client, instead of the two above
  bool verify = false;         // only kafka looks at it
};

struct Upstream {
  std::string id;  // "" within another object
  std::string name;
  std::string type = "roundrobin";  // any balancer's name; unknown ones fail at request time
  std::string key;                  // of chash
  std::string upstream_host;        // of PassHost::kRewrite
  std::vector<UpstreamNode> nodes;  // a map is read in alphabetical order
  std::string service_name;         // discovery instead of nodes
  std::string discovery_type;
  std::shared_ptr<const format::Json> discovery_args;
  std::shared_ptr<const format::Json> checks;  // with defaults; null = no health checks
  std::shared_ptr<const UpstreamTls> tls;      // null = none
  std::optional<std::uint32_t> retries;        // unset = number of nodes - 1
  std::uint32_t retry_timeout_ms = 0;          // 0 = no limit
  std::optional<Timeouts> timeouts;
  std::optional<KeepalivePool> keepalive_pool;
  Scheme scheme = Scheme::kHttp;
  HashOn hash_on = HashOn::kVars;
  PassHost pass_host = PassHost::kPass;

  bool is_discovered() const { return !service_name.empty(); }
};

// From JSON that passed validate(). The error names what the schema should have refused.
base::Result<Upstream> parse_upstream(format::Json upstream);

// All three of {connect, send, read} in seconds; nullopt when `timeout` is no object.
std::optional<Timeouts> parse_timeouts(const format::Json& timeout);

// "host:port" of a node map: the port is missing, or whatever number stands behind the last colon. IPv6
// with a port is in brackets, which stay.
struct NodeAddress {
  std::string_view host;
  std::optional<long> port;
};
NodeAddress split_node_address(std::string_view address);

// An IPv6 address without brackets.
bool is_bare_ipv6(std::string_view host);

}  // namespace apisix::resource
