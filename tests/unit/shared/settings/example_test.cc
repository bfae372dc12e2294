// conf/config.yaml.example says the truth: it has every key, and the values it shows are the defaults.
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/file.h"
#include "shared/format/yaml.h"
#include "shared/settings/check.h"
#include "shared/settings/defaults.h"
#include "shared/settings/keys.h"
#include "tests/unit/shared/settings/loading.h"

namespace apisix::settings {
namespace {

using ::testing::IsEmpty;

std::string shipped(const std::string& name) {
  const auto text = base::read_file(std::string(APISIX_SOURCE_DIR) + "/conf/" + name);
  EXPECT_TRUE(text) << name;
  return text.value_or("");
}

// Puts the keys that are shown as comments ("  #key: value") into effect.
std::string with_shown_keys(const std::string& text) {
  std::string out;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::string line = text.substr(start, end - start);
    const auto sign = line.find_first_not_of(' ');
    if (sign != std::string::npos && line[sign] == '#' && sign + 1 < line.size() && line[sign + 1] != ' ') {
      line.erase(sign, 1);
    }
    out += line + "\n";
    start = end + 1;
  }
  return out;
}

std::set<std::string> patterns_in(const format::Yaml& yaml) {
  std::set<std::string> patterns;
  for (const auto& [path, line] : yaml.lines) patterns.insert(pattern_of(path));
  return patterns;
}

TEST(Example, IsExactlyTheDefaults) {
  const auto loaded = load_text(shipped("config.yaml.example"));
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_TRUE(loaded->settings == Settings{});
  EXPECT_EQ(format::to_json(loaded->merged), format::to_json(load_text("")->merged));
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_THAT(loaded->notes, IsEmpty());
}

TEST(Example, NamesEveryDefault) {
  const auto example = format::parse_yaml(with_shown_keys(shipped("config.yaml.example")), "example");
  ASSERT_TRUE(example) << example.error().what;
  const auto defaults = format::parse_yaml(format::to_json(default_config()), "defaults");
  ASSERT_TRUE(defaults);
  const auto shown = patterns_in(*example);
  for (const std::string& pattern : patterns_in(*defaults)) EXPECT_TRUE(shown.contains(pattern)) << pattern;
}

TEST(Example, NamesEveryKeyOfTheTable) {
  const auto example = format::parse_yaml(with_shown_keys(shipped("config.yaml.example")), "example");
  ASSERT_TRUE(example) << example.error().what;
  const auto shown = patterns_in(*example);
  // Read for the sake of old files, or another form of what is shown.
  const std::set<std::string_view> not_shown = {"apisix.node_listen[].enable_http2",
                                                "apisix.ssl.listen[].enable_http2",
                                                "apisix.stream_proxy.only",
                                                "apisix.events",
                                                "apisix.enable_debug",
                                                "deployment.role_control_plane.conf_server",
                                                "deployment.role_data_plane.control_plane",
                                                "deployment.certs",
                                                "deployment.etcd.use_grpc",
                                                "lua.override[]",  // of a list that is shown empty
                                                "http"};
  for (const auto& keys : {engine_keys(), plugin_keys(), discovery_keys()}) {
    for (const Key& key : keys) {
      if (key.path.find('*') != key.path.npos || key.path.starts_with("discovery.kubernetes[]")) continue;
      EXPECT_NE(shown.contains(std::string(key.path)), not_shown.contains(key.path)) << key.path;
    }
  }
}

TEST(Example, WhatItShowsLoads) {
  const auto loaded = load_text(with_shown_keys(shipped("config.yaml.example")));
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

TEST(Example, EveryKeyWithoutADefaultIsKnown) {
  for (const char* path : {"apisix.id",
                           "apisix.proxy_protocol.listen_http_port",
                           "apisix.proxy_protocol.listen_https_port",
                           "apisix.proxy_protocol.enable_tcp_pp",
                           "apisix.proxy_protocol.enable_tcp_pp_to_upstream",
                           "apisix.stream_proxy.tcp[]",
                           "apisix.stream_proxy.tcp[].addr",
                           "apisix.stream_proxy.tcp[].tls",
                           "apisix.stream_proxy.tcp[].proxy_protocol",
                           "apisix.stream_proxy.tcp[].proxy_protocol_to_upstream",
                           "apisix.stream_proxy.udp[]",
                           "apisix.dns_resolver[]",
                           "apisix.dns_resolver_valid",
                           "apisix.ssl.fallback_sni",
                           "apisix.ssl.listen[].ip",
                           "apisix.ssl.listen[].port",
                           "apisix.ssl.listen[].enable_http3",
                           "apisix.node_listen[].ip",
                           "apisix.node_listen[].port",
                           "apisix.control.ip",
                           "apisix.control.port",
                           "apisix.control.router",
                           "apisix.status.ip",
                           "apisix.status.port",
                           "apisix.disable_upstream_healthcheck",
                           "apisix.trusted_addresses[]",
                           "apisix.lua_module_hook",
                           "nginx_config.user",
                           "nginx_config.envs[]",
                           "nginx_config.http.custom_lua_shared_dict",
                           "nginx_config.stream.real_ip_from[]",
                           "deployment.admin.https_admin",
                           "deployment.admin.admin_api_mtls.admin_ssl_cert",
                           "deployment.admin.admin_api_mtls.admin_ssl_cert_key",
                           "deployment.admin.admin_api_mtls.admin_ssl_ca_cert",
                           "deployment.etcd.user",
                           "deployment.etcd.password",
                           "deployment.etcd.resync_delay",
                           "deployment.etcd.health_check_timeout",
                           "deployment.etcd.tls.cert",
                           "deployment.etcd.tls.key",
                           "deployment.etcd.tls.sni",
                           "deployment.role_control_plane.config_provider",
                           "deployment.role_data_plane.config_provider",
                           "discovery",
                           "ext-plugin.cmd[]",
                           "ext-plugin.path_for_test",
                           "wasm.plugins[].name",
                           "wasm.plugins[].file",
                           "wasm.plugins[].priority",
                           "wasm.plugins[].http_request_phase",
                           "xrpc.protocols[].name",
                           "plugin_attr.redirect.https_port",
                           "plugin_attr.prometheus.metrics",
                           "plugin_attr.prometheus.default_buckets",
                           "plugin_attr.prometheus.llm_latency_buckets",
                           "plugin_attr.prometheus.llm_prompt_tokens_buckets",
                           "plugin_attr.prometheus.llm_completion_tokens_buckets",
                           "plugin_attr.batch-requests.uri"}) {
    EXPECT_NE(find_key(path), nullptr) << path;
  }
}

TEST(ShippedConfig, LoadsWithoutWarnings) {
  const auto loaded = load_text(shipped("config.yaml"));
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_TRUE(loaded->settings == Settings{});
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

}  // namespace
}  // namespace apisix::settings
