#include "worker/plugins/limit/redis_policy.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/text.h"
#include "shared/client/redis_clients.h"
#include "shared/format/read.h"

namespace apisix::plugins {
namespace {

using client::RedisAddress;
using client::RedisTarget;
using format::find_member;
using format::Json;
using Service = base::Ref<client::RedisService>;

constexpr std::uint16_t kRedisPort = 6379;
constexpr std::uint16_t kSentinelPort = 26379;
constexpr std::uint64_t kMillisecondsMax = 86'400'000;  // a day stands for no timeout

std::string text_in(const Json& conf, const char* name) {
  return find_member(conf, name).isString() ? format::string_of(find_member(conf, name)) : std::string();
}

// Cut to what Integer holds.
template <typename Integer>
Integer number_in(const Json& conf, const char* name, Integer otherwise) {
  const Json& value = find_member(conf, name);
  return value.isNumeric() ? format::clamped<Integer>(value, 0) : otherwise;
}

std::uint64_t milliseconds_in(const Json& conf, const char* name, std::uint64_t otherwise) {
  return std::min(number_in(conf, name, otherwise), kMillisecondsMax);
}

bool flag_in(const Json& conf, const char* name) {
  return format::is_true(find_member(conf, name));
}

RedisTarget common_target(const Json& conf) {
  RedisTarget target;
  target.password = text_in(conf, "redis_password");
  target.connect_timeout_ms = target.reply_timeout_ms = milliseconds_in(conf, "redis_timeout", 1000);
  target.idle_timeout_ms = milliseconds_in(conf, "redis_keepalive_timeout", 10'000);
  target.connections_max = number_in<std::uint32_t>(conf, "redis_keepalive_pool", 100);
  return target;
}

Service single(const Json& conf, client::RedisClients& clients) {
  RedisTarget target = common_target(conf);
  target.host = text_in(conf, "redis_host");
  target.port = number_in(conf, "redis_port", kRedisPort);
  target.database = number_in(conf, "redis_database", 0);
  target.username = text_in(conf, "redis_username");
  target.tls = flag_in(conf, "redis_ssl");
  target.tls_verify = flag_in(conf, "redis_ssl_verify");
  return clients.single(target);
}

// "127.0.0.1:7000", "[2001:db8::1]:7000", "redis"
std::optional<RedisAddress> parse_address(std::string_view text) {
  const auto bracket = text.find(']');
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    return RedisAddress{std::string(text), kRedisPort};
  }
  const auto port = base::parse_integer<std::uint16_t>(text.substr(colon + 1));
  if (!port || *port == 0 || colon == 0) return std::nullopt;
  return RedisAddress{std::string(text.substr(0, colon)), *port};
}

base::Result<Service> cluster(const Json& conf, client::RedisClients& clients) {
  client::RedisClusterTarget target;
  target.node = common_target(conf);
  target.node.tls = flag_in(conf, "redis_cluster_ssl");
  target.node.tls_verify = flag_in(conf, "redis_cluster_ssl_verify");
  for (const Json& node : find_member(conf, "redis_cluster_nodes")) {
    auto address = parse_address(format::string_of(node));
    if (!address) return base::invalid("failed to parse address: " + format::string_of(node));
    target.seeds.push_back(std::move(*address));
  }
  return clients.cluster(target);
}

Service sentinel(const Json& conf, client::RedisClients& clients) {
  client::RedisSentinelTarget target;
  target.node = common_target(conf);
  target.node.username = text_in(conf, "redis_username");
  target.node.database = number_in(conf, "redis_database", 0);
  target.node.connect_timeout_ms = milliseconds_in(conf, "redis_connect_timeout", 1000);
  target.node.reply_timeout_ms = milliseconds_in(conf, "redis_read_timeout", 1000);
  target.node.idle_timeout_ms = milliseconds_in(conf, "redis_keepalive_timeout", 60'000);
  target.sentinel_username = text_in(conf, "sentinel_username");
  target.sentinel_password = text_in(conf, "sentinel_password");
  target.master_name = text_in(conf, "redis_master_name");
  target.wants_replica = text_in(conf, "redis_role") == "slave";
  for (const Json& node : find_member(conf, "redis_sentinels")) {
    target.sentinels.push_back({text_in(node, "host"), number_in(node, "port", kSentinelPort)});
  }
  return clients.sentinel(target);
}

}  // namespace

base::Result<Service> redis_of(const Json& conf, plugin::Deps& deps) {
  const std::string policy = text_in(conf, "policy");
  if (policy.empty() || policy == "local") return Service();
  if (deps.redis == nullptr) return base::invalid("this process has no redis client");
  if (policy == "redis-cluster") return cluster(conf, *deps.redis);
  if (policy == "redis-sentinel") return sentinel(conf, *deps.redis);
  return single(conf, *deps.redis);
}

}  // namespace apisix::plugins
