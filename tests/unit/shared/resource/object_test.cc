// From JSON to structs.
#include <gtest/gtest.h>

#include "shared/resource/reference.h"
#include "shared/resource/route.h"
#include "shared/resource/schemas.h"
#include "shared/resource/service.h"
#include "shared/resource/upstream.h"
#include "shared/resource/validate.h"

namespace apisix::resource {
namespace {

using format::Json;

// Validated, with defaults.
Json valid(Kind kind, const std::string& text) {
  Json value = format::parse_json(text).value();
  const Validation validation = validate(kind, value, {.hooks = {}, .is_stored = true});
  EXPECT_TRUE(validation.ok()) << text << ": " << validation.error_msg;
  return value;
}

Upstream upstream_of(const std::string& text) {
  return parse_upstream(valid(Kind::kUpstream, text)).value();
}

TEST(Upstream, Defaults) {
  const Upstream upstream = upstream_of(R"({"id":7,"nodes":{}})");
  EXPECT_EQ(upstream.id, "7");
  EXPECT_EQ(upstream.type, "roundrobin");
  EXPECT_EQ(upstream.scheme, Scheme::kHttp);
  EXPECT_EQ(upstream.hash_on, HashOn::kVars);
  EXPECT_EQ(upstream.pass_host, PassHost::kPass);
  EXPECT_TRUE(upstream.nodes.empty());
  EXPECT_FALSE(upstream.is_discovered());
  EXPECT_EQ(upstream.retries, std::nullopt);
  EXPECT_EQ(upstream.retry_timeout_ms, 0U);
  EXPECT_FALSE(upstream.timeouts);
  EXPECT_FALSE(upstream.keepalive_pool);
  EXPECT_FALSE(upstream.checks);
  EXPECT_FALSE(upstream.tls);
}

TEST(Upstream, AllFields) {
  const Upstream upstream = upstream_of(R"({
    "id": "u", "name": "n", "type": "chash", "hash_on": "vars_combinations", "key": "$a", "scheme": "grpcs",
    "pass_host": "rewrite", "upstream_host": "h", "retries": 0, "retry_timeout": 1.5,
    "timeout": {"connect": 0.0001, "send": 6, "read": 86400},
    "keepalive_pool": {"size": 5}, "tls": {"client_cert_id": 3},
    "nodes": [{"host": "::ffff:1", "port": 80, "weight": 3, "priority": -1, "metadata": {"a": 1}},
              {"host": "b", "weight": 0}],
    "checks": {"active": {"http_path": "/ping"}}})" +
                                        std::string());
  EXPECT_EQ(upstream.name, "n");
  EXPECT_EQ(upstream.type, "chash");
  EXPECT_EQ(upstream.hash_on, HashOn::kVarsCombinations);
  EXPECT_EQ(upstream.key, "$a");
  EXPECT_EQ(upstream.scheme, Scheme::kGrpcs);
  EXPECT_EQ(upstream.pass_host, PassHost::kRewrite);
  EXPECT_EQ(upstream.upstream_host, "h");
  EXPECT_EQ(upstream.retries, 0U);
  EXPECT_EQ(upstream.retry_timeout_ms, 1500U);
  ASSERT_TRUE(upstream.timeouts);
  EXPECT_EQ(upstream.timeouts->connect_ms, 1U);
  EXPECT_EQ(upstream.timeouts->send_ms, 6000U);
  EXPECT_EQ(upstream.timeouts->read_ms, 86400000U);
  ASSERT_TRUE(upstream.keepalive_pool);
  EXPECT_EQ(upstream.keepalive_pool->size, 5U);
  EXPECT_EQ(upstream.keepalive_pool->requests, 1000U);
  EXPECT_EQ(upstream.keepalive_pool->idle_timeout_ms, 60000U);
  ASSERT_TRUE(upstream.tls);
  EXPECT_EQ(upstream.tls->client_cert_id, "3");
  ASSERT_EQ(upstream.nodes.size(), 2U);
  EXPECT_EQ(upstream.nodes[0].host, "[::ffff:1]");
  EXPECT_EQ(upstream.nodes[0].weight, 3U);
  EXPECT_EQ(upstream.nodes[0].priority, -1);
  EXPECT_EQ(format::to_json(*upstream.nodes[0].metadata), R"({"a":1})");
  EXPECT_EQ(upstream.nodes[1].port, 0);
  EXPECT_EQ(upstream.nodes[1].weight, 0U);
  EXPECT_EQ(upstream.nodes[1].metadata, nullptr);
  ASSERT_TRUE(upstream.checks);
  EXPECT_EQ((*upstream.checks)["active"]["http_path"].asString(), "/ping");
  EXPECT_EQ((*upstream.checks)["active"]["concurrency"].asInt(), 10);  // a default
}

TEST(Upstream, NodeMaps) {
  struct Row {
    std::string_view address, host;
    std::optional<long> port;
  };
  for (const auto& [address, host, port] :
       {Row{"a.b:80", "a.b", 80}, Row{"a", "a", std::nullopt}, Row{"1.2.3.4", "1.2.3.4", std::nullopt},
        Row{"[::1]", "[::1]", std::nullopt}, Row{"[::1]:8080", "[::1]", 8080},
        Row{"::1", "::1", std::nullopt}, Row{"2001:db8::68", "2001:db8::68", std::nullopt},
        Row{"::ffff:192.0.2.1", "::ffff:192.0.2.1", std::nullopt}, Row{"a:b", "a", std::nullopt},
        Row{"a:", "a:", std::nullopt}, Row{"", "", std::nullopt}, Row{":", ":", std::nullopt},
        Row{"[::1", "[::1", std::nullopt}}) {
    const NodeAddress parts = split_node_address(address);
    EXPECT_EQ(parts.host, host) << address;
    EXPECT_EQ(parts.port, port) << address;
  }
  const Upstream upstream = upstream_of(R"({"nodes":{"b:81":2,"a":1,"[::1]:82":0},"scheme":"https"})");
  ASSERT_EQ(upstream.nodes.size(), 3U);
  EXPECT_EQ(upstream.nodes[0].host, "[::1]");
  EXPECT_EQ(upstream.nodes[0].port, 82);
  EXPECT_EQ(upstream.nodes[1].host, "a");
  EXPECT_EQ(upstream.nodes[1].port, 0);
  EXPECT_EQ(upstream.nodes[2].weight, 2U);
  EXPECT_EQ(default_port(upstream.scheme), 443);
}

TEST(Upstream, Discovery) {
  const Upstream upstream =
      upstream_of(R"({"service_name":"s","discovery_type":"nacos","discovery_args":{"group_name":"g"}})");
  EXPECT_TRUE(upstream.is_discovered());
  EXPECT_EQ(upstream.discovery_type, "nacos");
  EXPECT_EQ((*upstream.discovery_args)["group_name"].asString(), "g");
}

TEST(Upstream, WhatWasNotValidatedIsRefusedOrCut) {
  const auto parse = [](const char* text) { return parse_upstream(format::parse_json(text).value()); };
  EXPECT_EQ(parse("7").error().what, "upstream: expected an object");
  EXPECT_EQ(parse(R"({"scheme":"ftp"})").error().what, "upstream: unknown scheme \"ftp\"");
  EXPECT_EQ(parse(R"({"nodes":[7]})").error().what, "upstream: a node has no host");
  const auto cut =
      parse(R"({"nodes":[{"host":"a","weight":1e30,"priority":-1e30,"port":1e9}],"retries":-5})");
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->nodes[0].weight, UINT32_MAX);
  EXPECT_EQ(cut->nodes[0].priority, INT32_MIN);
  EXPECT_EQ(cut->nodes[0].port, 0);
  EXPECT_EQ(cut->retries, 0U);
}

TEST(Upstream, HashOnIsOneOfItsNames) {
  const auto hash_on = [](const char* name) {
    Json value(::Json::objectValue);
    value["hash_on"] = name;
    const auto upstream = parse_upstream(std::move(value));
    return upstream ? std::optional(upstream->hash_on) : std::nullopt;
  };
  EXPECT_EQ(hash_on("vars"), HashOn::kVars);
  EXPECT_EQ(hash_on("vars_combinations"), HashOn::kVarsCombinations);
  EXPECT_EQ(hash_on("consumer"), HashOn::kConsumer);
  EXPECT_EQ(hash_on("body"), std::nullopt);
}

TEST(Upstream, NamesRoundTrip) {
  for (const char* scheme : {"http", "https", "grpc", "grpcs", "tcp", "tls", "udp", "kafka"}) {
    EXPECT_EQ(name_of(upstream_of(std::string(R"({"nodes":{},"scheme":")") + scheme + "\"}").scheme), scheme);
  }
  for (const char* hash_on : {"vars", "header", "cookie", "consumer", "vars_combinations"}) {
    EXPECT_EQ(name_of(upstream_of(std::string(R"({"nodes":{},"hash_on":")") + hash_on + "\"}").hash_on),
              hash_on);
  }
}

TEST(Route, Fields) {
  const Route route = parse_route(valid(Kind::kRoute, R"({
    "id": 12, "name": "r", "uris": ["/a", "/b"], "hosts": ["A.com", "*.B"], "methods": ["GET", "PUT"],
    "remote_addrs": ["10.0.0.0/8"], "vars": [["arg_x", "==", "1"]], "filter_func": "function(v) return 1 end",
    "priority": 5, "service_id": 1, "upstream_id": "u", "plugin_config_id": "p", "plugins": {"cors": {}},
    "timeout": {"connect": 1, "send": 2, "read": 3}, "enable_websocket": false, "status": 0})"))
                          .value();
  EXPECT_EQ(route.id, "12");
  EXPECT_EQ(route.name, "r");
  EXPECT_EQ(route.conditions.uris, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(route.conditions.hosts, (std::vector<std::string>{"a.com", "*.b"}));
  EXPECT_EQ(route.conditions.methods, (std::vector<std::string>{"GET", "PUT"}));
  EXPECT_EQ(route.conditions.remote_addrs, (std::vector<std::string>{"10.0.0.0/8"}));
  EXPECT_EQ(format::to_json(*route.conditions.vars), R"([["arg_x","==","1"]])");
  EXPECT_EQ(route.conditions.filter_func, "function(v) return 1 end");
  EXPECT_EQ(route.conditions.priority, 5);
  EXPECT_EQ(route.service_id, "1");
  EXPECT_EQ(route.upstream_id, "u");
  EXPECT_EQ(route.plugin_config_id, "p");
  EXPECT_EQ(format::to_json(*route.plugins), R"({"cors":{}})");
  EXPECT_EQ(route.timeouts->send_ms, 2000U);
  EXPECT_EQ(route.enable_websocket, false);
  EXPECT_FALSE(route.is_enabled);
  EXPECT_EQ(route.upstream, nullptr);
}

TEST(Route, SmallOnesStaySmall) {
  const Route route = parse_route(valid(Kind::kRoute,
                                        R"({"uri":"/","host":"A","remote_addr":"::1","plugins":{},"vars":[],
                                            "upstream":{"nodes":{"a:80":1},"scheme":"https"}})"))
                          .value();
  EXPECT_EQ(route.conditions.uris, (std::vector<std::string>{"/"}));
  EXPECT_EQ(route.conditions.hosts, (std::vector<std::string>{"a"}));
  EXPECT_EQ(route.conditions.remote_addrs, (std::vector<std::string>{"::1"}));
  EXPECT_EQ(route.conditions.vars, nullptr);
  EXPECT_EQ(route.plugins, nullptr);
  EXPECT_TRUE(route.is_enabled);
  EXPECT_EQ(route.enable_websocket, std::nullopt);
  ASSERT_NE(route.upstream, nullptr);
  EXPECT_EQ(route.upstream->scheme, Scheme::kHttps);
  EXPECT_LE(sizeof(Route) + sizeof(Upstream), 1024U);  // 100,000 of them in a worker
}

TEST(Route, Refuses) {
  EXPECT_EQ(parse_route(Json("x")).error().what, "route: expected an object");
  EXPECT_EQ(parse_route(format::parse_json("{}").value()).error().what, "route: it has neither uri nor uris");
  EXPECT_EQ(parse_route(format::parse_json(R"({"uri":"/","upstream":{"scheme":"x"}})").value()).error().what,
            "route: upstream: unknown scheme \"x\"");
}

TEST(Service, Fields) {
  const Service service =
      parse_service(valid(Kind::kService, R"({"id":"s","name":"n","hosts":["X.y"],"enable_websocket":true,
        "plugins":{"cors":{}},"upstream_id":4,"upstream":{"nodes":{"a:1":1}}})"))
          .value();
  EXPECT_EQ(service.id, "s");
  EXPECT_EQ(service.hosts, (std::vector<std::string>{"x.y"}));
  EXPECT_EQ(service.enable_websocket, true);
  EXPECT_EQ(service.upstream_id, "4");
  EXPECT_EQ(service.upstream->nodes[0].port, 1);
  EXPECT_NE(service.plugins, nullptr);
  EXPECT_TRUE(parse_service(valid(Kind::kService, "{}")));
}

TEST(Service, WhatIsNoObjectIsRefused) {
  for (const char* text : {"[]", "[1]", "null", "\"s\"", "7"}) {
    Json value = format::parse_json(text).value();
    EXPECT_FALSE(validate(Kind::kService, value, {.hooks = {}, .is_stored = true}).ok()) << text;
    EXPECT_FALSE(parse_service(value)) << text;
  }
}

TEST(References, InOrderWithTheirTexts) {
  const Json route = format::parse_json(R"({"upstream":{"tls":{"client_cert_id":9}},"service_id":"s",
    "upstream_id":1,"plugin_config_id":"p"})")
                         .value();
  std::vector<std::string> texts;
  std::vector<std::string> pointers;
  for (const Reference& reference : references_of(Kind::kRoute, route)) {
    texts.push_back(reference.missing_text());
    pointers.push_back(reference.pointer);
  }
  EXPECT_EQ(texts, (std::vector<std::string>{
                       "failed to fetch ssl info by ssl id [9], response code: 404",
                       "failed to fetch upstream info by upstream id [1], response code: 404",
                       "failed to fetch service info by service id [s], response code: 404",
                       "failed to fetch plugin config info by plugin config id [p], response code: 404"}));
  EXPECT_EQ(pointers, (std::vector<std::string>{"/upstream/tls/client_cert_id", "/upstream_id", "/service_id",
                                                "/plugin_config_id"}));
  const auto consumer = references_of(Kind::kConsumer, format::parse_json(R"({"group_id":"g"})").value());
  ASSERT_EQ(consumer.size(), 1U);
  EXPECT_EQ(consumer[0].unknown_text("timeout"),
            "failed to fetch consumer group info by consumer group id [g]: timeout");
  const auto upstream =
      references_of(Kind::kUpstream, format::parse_json(R"({"tls":{"client_cert_id":1}})").value());
  EXPECT_EQ(upstream.at(0).wrong_ssl_type_text(), "failed to fetch ssl info by ssl id [1], wrong ssl type");
  const auto stream =
      references_of(Kind::kStreamRoute, format::parse_json(R"({"protocol":{"superior_id":2}})").value());
  EXPECT_EQ(stream.at(0).missing_text(), "failed to fetch stream routes[2], response code: 404");
  EXPECT_TRUE(references_of(Kind::kRoute, Json("x")).empty());
}

// APISIX's schema lets it pass, and its balancer understands it.
TEST(Upstream, AHostMayBringItsPort) {
  const auto json = format::parse_json(
      R"({"nodes": [{"host": "127.0.0.1:1980", "weight": 1}, {"host": "[::1]:1981", "weight": 1},
                    {"host": "a.com", "weight": 1}, {"host": "::1", "weight": 1}]})");
  const auto upstream = parse_upstream(*json);
  ASSERT_TRUE(upstream);
  EXPECT_EQ(upstream->nodes[0].host, "127.0.0.1");
  EXPECT_EQ(upstream->nodes[0].port, 1980);
  EXPECT_EQ(upstream->nodes[1].host, "[::1]");
  EXPECT_EQ(upstream->nodes[1].port, 1981);
  EXPECT_EQ(upstream->nodes[2].port, 0);
  EXPECT_EQ(upstream->nodes[3].host, "[::1]");
  EXPECT_EQ(upstream->nodes[3].port, 0);
}

}  // namespace
}  // namespace apisix::resource
