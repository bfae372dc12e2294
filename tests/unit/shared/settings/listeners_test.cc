#include "shared/settings/listeners.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/shared/settings/loading.h"

namespace apisix::settings {
namespace {

using ::testing::HasSubstr;

std::string text_of(const Listen& listen) {
  return fmt::format("{}:{}{}{}{}", listen.ip, listen.port, listen.tls ? " tls" : "",
                     listen.http3 ? " h3" : "", listen.proxy_protocol ? " pp" : "");
}

std::string text_of(const StreamListen& listen) {
  return fmt::format("{}:{}{}{}{}{}", listen.ip, listen.port, listen.udp ? " udp" : "",
                     listen.tls ? " tls" : "", listen.proxy_protocol ? " pp" : "",
                     listen.proxy_protocol_to_upstream ? " to-upstream" : "");
}

template <typename AnyListen>
std::string text_of(const std::vector<AnyListen>& listeners) {
  std::string out;
  for (const AnyListen& listen : listeners) out += (out.empty() ? "" : ", ") + text_of(listen);
  return out;
}

TEST(Listeners, NodeListenForms) {
  const struct {
    const char* apisix;
    const char* listeners;
  } kCases[] = {
      {"{node_listen: 8080}", "0.0.0.0:8080, :::8080"},
      {"{node_listen: 8080, enable_ipv6: false}", "0.0.0.0:8080"},
      {"{node_listen: [8080, 8081], enable_ipv6: false}", "0.0.0.0:8080, 0.0.0.0:8081"},
      {"{node_listen: [{port: 8080}]}", "0.0.0.0:8080, :::8080"},
      {"{node_listen: [{ip: 127.0.0.2, port: 8080}]}", "127.0.0.2:8080"},
      {"{node_listen: [{ip: 127.0.0.2}]}", "127.0.0.2:9080"},
      {"{node_listen: [{ip: \"[::1]\", port: 8080}]}", "::1:8080"},
      {"{node_listen: [{ip: localhost, port: 8080}]}", "127.0.0.1:8080"},
      {"{node_listen: [8080, 8080], enable_ipv6: false}", "0.0.0.0:8080"},
      {"{node_listen: [8080, {ip: 127.0.0.1, port: 8080}], enable_ipv6: false}", "0.0.0.0:8080"},
      {"{node_listen: [{ip: 127.0.0.1, port: 8080}, {ip: 127.0.0.2, port: 8080}, 8080], enable_ipv6: false}",
       "0.0.0.0:8080"},
      {"{node_listen: [{ip: 127.0.0.1, port: 8080}, {ip: 127.0.0.2, port: 8080}]}",
       "127.0.0.1:8080, 127.0.0.2:8080"},
      {"{node_listen: []}", ""},
      {"{node_listen: null}", ""},
      {"{enable_ipv6: false, proxy_protocol: {listen_http_port: 9181}}", "0.0.0.0:9080, 0.0.0.0:9181 pp"},
      {"{proxy_mode: stream}", ""},
  };
  for (const auto& [apisix, listeners] : kCases) {
    const auto loaded = load_text(fmt::format("apisix: {}\n", apisix));
    ASSERT_TRUE(loaded) << apisix << loaded.error().what;
    EXPECT_EQ(text_of(loaded->settings.apisix.node_listen), listeners) << apisix;
  }
}

TEST(Listeners, SslListenForms) {
  const struct {
    const char* apisix;
    const char* listeners;
  } kCases[] = {
      {"{enable_ipv6: false}", "0.0.0.0:9443 tls"},
      {"{ssl: {enable: false}}", ""},
      {"{ssl: {listen: [{port: 443, enable_http3: true}]}}", "0.0.0.0:443 tls h3, :::443 tls h3"},
      {"{ssl: {listen: [{ip: 127.0.0.3, port: 9445}]}}", "127.0.0.3:9445 tls"},
      {"{ssl: {listen: [{ip: 127.0.0.3}]}}", "127.0.0.3:9443 tls"},
      {"{enable_ipv6: false, proxy_protocol: {listen_https_port: 9182}}",
       "0.0.0.0:9443 tls, 0.0.0.0:9182 tls pp"},
      {"{ssl: {enable: false}, proxy_protocol: {listen_https_port: 9182}}", ""},
  };
  for (const auto& [apisix, listeners] : kCases) {
    const auto loaded = load_text(fmt::format("apisix: {}\n", apisix));
    ASSERT_TRUE(loaded) << apisix << loaded.error().what;
    EXPECT_EQ(text_of(loaded->settings.apisix.ssl.listen), listeners) << apisix;
  }
}

TEST(Listeners, Http2FollowsTheGlobalSwitch) {
  EXPECT_TRUE(load_text("")->settings.apisix.node_listen[0].http2);
  const auto off = load_text("apisix: {enable_http2: false}");
  EXPECT_FALSE(off->settings.apisix.node_listen[0].http2);
  EXPECT_FALSE(off->settings.apisix.ssl.listen[0].http2);
}

TEST(Listeners, Services) {
  const auto loaded = load_text(
      "apisix: {control: {ip: 127.0.0.2, port: 9092}, status: {ip: 127.0.0.3}}\n"
      "plugin_attr: {prometheus: {export_addr: {ip: 0.0.0.0, port: 9200}}}\n"
      "deployment: {admin: {admin_listen: {ip: 127.0.0.1, port: 9999}}}\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  const Settings& settings = loaded->settings;
  EXPECT_EQ(text_of(*settings.apisix.control), "127.0.0.2:9092");
  EXPECT_EQ(text_of(*settings.apisix.status), "127.0.0.3:7085");
  EXPECT_EQ(text_of(*settings.prometheus.listen), "0.0.0.0:9200");
  EXPECT_EQ(text_of(settings.deployment.admin.listen), "127.0.0.1:9999");
  EXPECT_FALSE(load_text("apisix: {enable_control: false}")->settings.apisix.control);
  EXPECT_FALSE(
      load_text("plugin_attr: {prometheus: {enable_export_server: false}}")->settings.prometheus.listen);
}

TEST(Listeners, AControlPlaneServesNoClients) {
  const auto loaded = load_text(
      "apisix: {proxy_mode: http&stream, stream_proxy: {tcp: [9100]}}\n"
      "deployment: {role: control_plane, role_control_plane: {config_provider: etcd}}\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_TRUE(loaded->settings.apisix.node_listen.empty());
  EXPECT_TRUE(loaded->settings.apisix.ssl.listen.empty());
  EXPECT_TRUE(loaded->settings.apisix.stream_proxy.tcp.empty());
  EXPECT_TRUE(serves_admin_api(loaded->settings));
}

TEST(Listeners, StreamOnlyOpensNoHttpPorts) {
  const auto etcd =
      load_text("apisix: {proxy_mode: stream, stream_proxy: {tcp: [9100]}}\netcd: {timeout: 3}\n");
  ASSERT_TRUE(etcd) << etcd.error().what;
  EXPECT_FALSE(serves_admin_api(etcd->settings));
  EXPECT_FALSE(etcd->settings.apisix.control);
  const auto local = load_text("apisix: {proxy_mode: stream, stream_proxy: {tcp: [9100]}}\n");
  EXPECT_TRUE(serves_admin_api(local->settings)) << "nothing else can fill the local store";
}

TEST(Listeners, StreamForms) {
  const auto loaded = load_text(
      "apisix:\n  proxy_mode: http&stream\n  proxy_protocol: {enable_tcp_pp: true}\n  stream_proxy:\n    "
      "tcp:\n"
      "      - 9100\n      - \"127.0.0.1:9101\"\n      - {addr: 9102, tls: true, proxy_protocol: false}\n"
      "      - {addr: \"127.0.0.1:2000-2002\", proxy_protocol_to_upstream: true}\n      - \"[::1]:9103\"\n"
      "    udp: [9100, \"127.0.0.1:9201\", \"9300-9301\"]\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(text_of(loaded->settings.apisix.stream_proxy.tcp),
            "0.0.0.0:9100 pp, 127.0.0.1:9101 pp, 0.0.0.0:9102 tls, 127.0.0.1:2000 pp to-upstream, "
            "127.0.0.1:2001 pp to-upstream, 127.0.0.1:2002 pp to-upstream, ::1:9103 pp");
  EXPECT_EQ(text_of(loaded->settings.apisix.stream_proxy.udp),
            "0.0.0.0:9100 udp, 127.0.0.1:9201 udp, 0.0.0.0:9300 udp, 0.0.0.0:9301 udp");
}

TEST(Listeners, StreamProxyIsIgnoredUnlessTheModeNamesIt) {
  EXPECT_TRUE(load_text("apisix: {stream_proxy: {tcp: [9100]}}")->settings.apisix.stream_proxy.tcp.empty());
}

TEST(Listeners, TheWholeRangeOfPortsIsQuick) {
  const auto loaded = load_text(
      "apisix: {proxy_mode: http&stream, stream_proxy: {udp: [\"1-65535\"], tcp: [\"10000-65535\"]}}\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->settings.apisix.stream_proxy.udp.size(), 65535u);
}

TEST(Listeners, Faults) {
  const struct {
    const char* text;
    const char* fault;
  } kCases[] = {
      {"apisix: {node_listen: 0}", "apisix.node_listen: expected a port from 1 to 65535 or {ip, port}"},
      {"apisix: {node_listen: \"8080\"}", "expected a port from 1 to 65535 or {ip, port}, got \"8080\""},
      {"apisix: {node_listen: [a]}", "apisix.node_listen[0]: expected a port"},
      {"apisix: {node_listen: {port: 1}}", "apisix.node_listen: expected a port"},
      {"apisix: {node_listen: [{port: 70000}]}",
       "apisix.node_listen[0].port: expected a whole number from 1 to 65535"},
      {"apisix: {node_listen: [{ip: 5}]}", "apisix.node_listen[0].ip: expected text"},
      {"apisix: {node_listen: [{ip: example.com}]}", "apisix.node_listen[0].ip: expected an IP address"},
      {"apisix: {node_listen: [{port: 1, enable_http2: true}]}",
       "port level enable_http2 was removed in 3.9"},
      {"apisix: {ssl: {listen: [{port: 1, enable_http2: true}]}}",
       "port level enable_http2 was removed in 3.9"},
      {"apisix: {ssl: {listen: [8443]}}", "apisix.ssl.listen[0]: expected a map, got the number 8443"},
      {"apisix: {ssl: {listen: 8443}}", "apisix.ssl.listen: expected a list"},
      {"apisix: {control: {port: 0}}", "apisix.control.port: expected a whole number from 1 to 65535"},
      {"apisix: {control: {ip: nowhere}}", "apisix.control.ip: expected an IP address"},
      {"apisix: {node_listen: 9090}",
       "apisix.node_listen: http listen port 9090 conflicts with control port"},
      {"apisix: {node_listen: 9180}", "http listen port 9180 conflicts with admin port"},
      {"apisix: {node_listen: 9091, enable_ipv6: false}",
       "http listen port 9091 conflicts with prometheus port"},
      {"apisix: {node_listen: 9443}",
       "apisix.ssl.listen[0]: https listen port 9443 conflicts with http listen port"},
      {"apisix: {control: {port: 9091}}", "prometheus port 9091 conflicts with control port"},
      {"apisix: {control: {port: 9180}}", "control port 9180 conflicts with admin port"},
      {"apisix: {status: {port: 9180}}", "status port 9180 conflicts with admin port"},
      {"apisix: {proxy_protocol: {listen_http_port: 9080}}", "is there twice with different options"},
      {"apisix: {proxy_protocol: {listen_http_port: 9443}}",
       "PROXY protocol listen port 9443 conflicts with https listen port"},
      {"apisix: {proxy_mode: stream, stream_proxy: {tcp: [0]}}", "port out of range (1-65535): 0"},
      {"apisix: {proxy_mode: stream, stream_proxy: {tcp: [\"70000\"]}}",
       "port out of range (1-65535): 70000"},
      {"apisix: {proxy_mode: stream, stream_proxy: {tcp: [\"127.0.0.1:\"]}}", "missing port"},
      {"apisix: {proxy_mode: stream, stream_proxy: {tcp: [\"80.5\"]}}", "invalid port format: \"80.5\""},
      {"apisix: {proxy_mode: stream, stream_proxy: {tcp: [\"2010-2000\"]}}",
       "invalid port range (start > end)"},
      {"apisix: {proxy_mode: stream, stream_proxy: {tcp: [{tls: true}]}}",
       "apisix.stream_proxy.tcp[0].addr: expected a port, ip:port or a range"},
      {"apisix: {proxy_mode: stream, stream_proxy: {tcp: [\"host:1\"]}}", "expected ip:port"},
      {"apisix: {proxy_mode: stream, stream_proxy: {tcp: [true]}}", "expected a port, ip:port or a range"},
      {"apisix: {proxy_mode: stream, stream_proxy: {tcp: [9100, \"9100\"]}}",
       "stream tcp port 9100 is there twice"},
      {"apisix: {proxy_mode: http&stream, stream_proxy: {tcp: [9080]}}",
       "stream tcp port 9080 conflicts with http listen port"},
      {"apisix: {proxy_mode: http&stream, ssl: {listen: [{port: 8443, enable_http3: true}]}, stream_proxy: "
       "{udp: [8443]}}",
       "stream udp port 8443 conflicts with https listen port"},
      {"apisix: {proxy_mode: stream, stream_proxy: {tcp: []}}", "expected a list of at least 1 element"},
  };
  for (const auto& [text, fault] : kCases) EXPECT_THAT(faults_of(text), HasSubstr(fault)) << text;
}

TEST(Listeners, AConflictIsReportedOnce) {
  EXPECT_EQ(faults_of("apisix: {node_listen: 9443}"),
            "c.yaml:1: apisix.ssl.listen[0]: https listen port 9443 conflicts with http listen port");
}

TEST(Listeners, DifferentAddressesMayShareAPort) {
  EXPECT_EQ(faults_of("apisix: {node_listen: [{ip: 127.0.0.5, port: 9090}]}"), "");
  EXPECT_EQ(faults_of("apisix: {proxy_mode: http&stream, stream_proxy: {udp: [9080]}}"), "")
      << "UDP beside TCP";
}

}  // namespace
}  // namespace apisix::settings
