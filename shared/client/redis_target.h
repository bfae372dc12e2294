// What identifies connections to one redis server: they are shared only when all of it is equal, since
// AUTH, SELECT and TLS are of the connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace apisix::client {

struct RedisTarget {
  std::string host;  // name, literal address, or "unix:/path"
  std::uint16_t port = 6379;
  int database = 0;
  std::string username;  // empty: the default user
  std::string password;  // empty: no AUTH
  bool tls = false;
  bool tls_verify = false;
  std::uint64_t connect_timeout_ms = 1000;  // name, TCP, TLS and AUTH together
  std::uint64_t reply_timeout_ms = 1000;
  std::uint64_t idle_timeout_ms = 10'000;  // an unused connection is closed after it
  std::uint32_t connections_max = 100;     // per worker; few are needed, commands are pipelined

  bool operator==(const RedisTarget&) const = default;
  auto operator<=>(const RedisTarget&) const = default;
  // For logs; no secret in it.
  std::string address() const { return host.starts_with("unix:") ? host : host + ":" + std::to_string(port); }
};

struct RedisAddress {
  std::string host;
  std::uint16_t port = 6379;

  bool operator==(const RedisAddress&) const = default;
  auto operator<=>(const RedisAddress&) const = default;
};

struct RedisClusterTarget {
  std::vector<RedisAddress> seeds;
  RedisTarget node;  // of every node; host and port are not looked at

  bool operator==(const RedisClusterTarget&) const = default;
  auto operator<=>(const RedisClusterTarget&) const = default;
};

struct RedisSentinelTarget {
  std::vector<RedisAddress> sentinels;
  std::string sentinel_username;
  std::string sentinel_password;
  std::string master_name;
  bool wants_replica = false;
  RedisTarget node;  // of the server that the sentinels name; host and port are not looked at

  bool operator==(const RedisSentinelTarget&) const = default;
  auto operator<=>(const RedisSentinelTarget&) const = default;
};

}  // namespace apisix::client
