#include "shared/settings/load.h"

#include <filesystem>
#include <span>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/file.h"
#include "tests/unit/shared/settings/loading.h"

namespace apisix::settings {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Load, AnEmptyFileGivesTheDefaults) {
  for (const char* text : {"", "# nothing\n", "deployment: {}\n", "---\n"}) {
    const auto loaded = load_text(text);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_TRUE(loaded->settings == Settings{}) << text;
    EXPECT_THAT(loaded->warnings, IsEmpty());
    EXPECT_THAT(loaded->notes, ElementsAre(HasSubstr("local store")));
  }
}

TEST(Load, MapsMergeListsReplaceNullDeletes) {
  const auto loaded = load_text(
      "apisix:\n  ssl:\n    enable: false\n"
      "plugins: [cors]\n"
      "plugin_attr:\n  prometheus: null\n  zipkin: {set_ngx_var: true}\n"
      "nginx_config:\n  http:\n    lua_shared_dict: {tars: 2m, mine: 3m}\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  const Settings& settings = loaded->settings;
  EXPECT_TRUE(settings.apisix.ssl.listen.empty());
  EXPECT_TRUE(load_text("apisix: {ssl: {enable: null}}")->settings.apisix.ssl.listen.empty());
  EXPECT_EQ(settings.apisix.ssl.ssl_protocols, "TLSv1.2 TLSv1.3");
  EXPECT_THAT(settings.plugins, ElementsAre("cors"));
  EXPECT_FALSE(settings.plugin_attr.isMember("prometheus"));
  EXPECT_FALSE(settings.prometheus.listen);
  EXPECT_TRUE(settings.plugin_attr["zipkin"]["set_ngx_var"].asBool());
  EXPECT_EQ(settings.plugin_attr["inspect"]["delay"].asInt(), 3);
  EXPECT_EQ(settings.nginx_config.http.lua_shared_dict_bytes.at("tars"), 2 << 20);
  EXPECT_EQ(settings.nginx_config.http.lua_shared_dict_bytes.at("mine"), 3 << 20);
  EXPECT_EQ(settings.nginx_config.http.lua_shared_dict_bytes.at("jwks"), 1 << 20);
}

TEST(Load, ADeletedScalarIsItsDefault) {
  const auto loaded =
      load_text("nginx_config:\n  http:\n    keepalive_timeout: null\n    real_ip_from: null\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->settings.nginx_config.http.keepalive_timeout_ms, 60'000);
  EXPECT_TRUE(loaded->settings.nginx_config.http.real_ip_from.networks.empty());
}

TEST(Load, AllFaultsAreFoundAtOnceInTheOrderOfTheFile) {
  const std::string faults = faults_of(
      "apisix:\n"
      "  node_listen: 99999\n"
      "  enable_admin: \"yes\"\n"
      "nginx_config:\n"
      "  http:\n"
      "    send_timeout: soon\n"
      "deployment:\n"
      "  role: everything\n");
  EXPECT_EQ(
      faults,
      "c.yaml:2: apisix.node_listen: expected a port from 1 to 65535 or {ip, port}, got the number 99999\n"
      "c.yaml:3: apisix.enable_admin: expected true or false, got \"yes\"\n"
      "c.yaml:6: nginx_config.http.send_timeout: expected a duration such as 60s, 500ms or 1h30m, got "
      "\"soon\"\n"
      "c.yaml:8: deployment.role: expected one of traditional, control_plane, data_plane, got "
      "\"everything\"");
}

struct FaultCase {
  const char* text;
  const char* fault;
};

void expect_faults(std::span<const FaultCase> cases) {
  for (const auto& [text, fault] : cases) EXPECT_THAT(faults_of(text), HasSubstr(fault)) << text;
}

TEST(Load, TypesOfApisixAreChecked) {
  const FaultCase kCases[] = {
      {"[1]", "c.yaml: expected a map of sections, got a list"},
      {"apisix: 1", "c.yaml:1: apisix: expected a map, got the number 1"},
      {"apisix: {ssl: [1]}", "apisix.ssl: expected a map, got a list"},
      {"apisix: {enable_ipv6: 1}", "apisix.enable_ipv6: expected true or false, got the number 1"},
      {"apisix: {resolver_timeout: 5s}",
       "apisix.resolver_timeout: expected a number from 0 to 3000000000, got \"5s\""},
      {"apisix: {router: {http: tree}}",
       "apisix.router.http: expected one of radixtree_host_uri, radixtree_uri, "
       "radixtree_uri_with_parameter, got \"tree\""},
      {"apisix: {proxy_mode: udp}", "apisix.proxy_mode: expected one of http, stream, http&stream"},
      {"apisix: {dns_resolver: []}",
       "apisix.dns_resolver: expected a list of at least 1 element, got an empty list"},
      {"apisix: {dns_resolver: [dns.example]}", "apisix.dns_resolver[0]: expected ip or ip:port"},
      {"apisix: {trusted_addresses: [10.0.0.0/99]}",
       "apisix.trusted_addresses[0]: expected an IP address or a network such as 10.0.0.0/8"},
      {"apisix: {data_encryption: {keyring: [short]}}",
       "apisix.data_encryption.keyring: expected keys of 16 or 32 characters, got one of 5"},
      {"apisix: {data_encryption: {keyring: 5}}",
       "expected a key or a list of keys, got something else (not shown)"},
      {"apisix: {ssl: {ssl_protocols: TLSv9}}", "expected names such as TLSv1.2 and TLSv1.3, got \"TLSv9\""},
      {"apisix: {ssl: {ssl_trusted_certificate: no.pem}}", "certificate path no.pem doesn't exist"},
      {"apisix: {lua_module_hook: \"a b\"}", "apisix.lua_module_hook: expected a module name"},
      {"apisix: {proxy_cache: {zones: [{name: a}]}}",
       "apisix.proxy_cache.zones[0]: expected name and memory_size"},
      {"apisix: {proxy_cache: {zones: [{name: a, memory_size: 1m}, {name: a, memory_size: 1m}]}}",
       "zone \"a\" is there twice"},
      {"apisix: {proxy_cache: {zones: [{name: a, memory_size: 1m, disk_size: 1g}]}}", "(a disk zone)"},
  };
  expect_faults(kCases);
}

TEST(Load, TypesOfNginxConfigAreChecked) {
  const FaultCase kCases[] = {
      {"nginx_config: {worker_processes: fast}",
       "nginx_config.worker_processes: expected auto or a whole number from 1 to 4096, got \"fast\""},
      {"nginx_config: {worker_processes: 0}", "expected auto or a whole number"},
      {"nginx_config: {error_log_level: loud}",
       "expected one of debug, info, notice, warn, error, crit, alert, emerg"},
      {"nginx_config: {http: {client_max_body_size: big}}",
       "expected a size such as 512, 16k, 10m or 1g, got \"big\""},
      {"nginx_config: {http: {client_max_body_size: -1}}", "expected a size"},
      {"nginx_config: {http: {underscores_in_headers: maybe}}", "expected on or off"},
      {"nginx_config: {http: {upstream: {keepalive: 1.5}}}", "expected a whole number of at least 0"},
      {"nginx_config: {envs: [\"A=\\n\"]}",
       "nginx_config.envs[0]: expected text (control characters are not allowed)"},
      {"nginx_config: {http: {access_log: 5}}", "expected text (quote it: \"5\"), got the number 5"},
  };
  expect_faults(kCases);
}

TEST(Load, TypesOfTheOtherSectionsAreChecked) {
  const FaultCase kCases[] = {
      {"deployment: {role_traditional: {config_provider: zk}}",
       "expected one of etcd, yaml, local, got \"zk\""},
      {"deployment: {etcd: {host: [127.0.0.1:2379]}}",
       "deployment.etcd.host[0]: expected an address that starts with http:// or https://"},
      {"deployment: {etcd: {host: []}}", "deployment.etcd.host: expected a list of at least 1 element"},
      {"deployment: {etcd: {timeout: 0}}", "deployment.etcd.timeout: expected a whole number from 1 to"},
      {"deployment: {admin: {admin_key: [{name: a, key: [], role: admin}]}}",
       "expected text, got an empty list"},
      {"deployment: {admin: {admin_key: [{name: a, key: x, role: root}]}}", "expected one of admin, viewer"},
      {"deployment: {admin: {admin_key: [{name: a, key: x}]}}",
       "role: expected admin or viewer, got nothing"},
      {"deployment: {admin: {https_admin: true}}", "missing ssl cert for https admin"},
      {"deployment: {role: data_plane}",
       "deployment.role_data_plane.config_provider: expected one of etcd, yaml, json, got nothing"},
      {"deployment: {role: control_plane}",
       "deployment.role_control_plane.config_provider: expected etcd, got nothing"},
      {"plugins: cors", "plugins: expected a list, got \"cors\""},
      {"plugins: [1]", "plugins[0]: expected text (quote it: \"1\")"},
      {"plugins: [batch-requests]\nnginx_config: {http: {real_ip_from: [10.0.0.1]}}",
       "missing loopback or unspecified in the nginx_config.http.real_ip_from for plugin batch-requests"},
      {"apisix: {proxy_cache: null}", "missing apisix.proxy_cache for plugin proxy-cache"},
      {"stream_plugins: [prometheus]\nplugin_attr: {prometheus: {enable_export_server: false}}",
       "L4 prometheus metric should be exposed via export server"},
      {"plugin_attr: {server-info: {report_ttl: 2}}",
       "expected a whole number from 3 to 86400, got the number 2"},
      {"wasm: {plugins: [{name: a, file: b}]}", "wasm.plugins[0]: expected a member \"priority\""},
      {"discovery: {dns: {order: [MX]}}",
       "discovery.dns.order[0]: expected one of last, SRV, A, AAAA, CNAME"},
      {"discovery: {kubernetes: [{id: a, default_weight: x}]}",
       "discovery.kubernetes[0].default_weight: expected"},
      {"graphql: {max_size: huge}", "graphql.max_size: expected a size"},
  };
  expect_faults(kCases);
}

TEST(Load, ValuesOfSecretsAreNotPrinted) {
  const std::string faults = faults_of("deployment: {etcd: {password: 4711, user: root}}");
  EXPECT_THAT(faults, HasSubstr("deployment.etcd.password: expected text"));
  EXPECT_EQ(faults.find("got the number 4711"), std::string::npos) << faults;
}

TEST(Load, NginxFormsAndTextNumbers) {
  const auto loaded = load_text(
      "nginx_config:\n"
      "  worker_processes: \"3\"\n"
      "  worker_rlimit_nofile: 100\n"
      "  worker_shutdown_timeout: 5m\n"
      "  event: {worker_connections: \"2048\", io_uring: false}\n"
      "  http:\n"
      "    keepalive_timeout: 75\n"
      "    client_header_timeout: 500ms\n"
      "    client_max_body_size: 512m\n"
      "    access_log_buffer: 64k\n"
      "    underscores_in_headers: \"off\"\n"
      "    ignore_invalid_headers: \"on\"\n"
      "    real_ip_recursive: on\n"
      "    access_log: \"off\"\n"
      "    access_log_format_escape: json\n"
      "    real_ip_from: [10.0.0.0/8, \"::1\", \"unix:\"]\n"
      "    custom_lua_shared_dict: {mine: 1m}\n"
      "    client_body_min_rate: 0\n"
      "    held_bodies_size: 8m\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  const NginxConfig& config = loaded->settings.nginx_config;
  EXPECT_EQ(config.worker_processes, 3);
  EXPECT_EQ(config.event.worker_connections, 2048);
  EXPECT_FALSE(config.event.io_uring);
  EXPECT_EQ(config.worker_rlimit_nofile, 2048 + 256);
  EXPECT_EQ(config.worker_shutdown_timeout_ms, 300'000);
  EXPECT_EQ(config.http.keepalive_timeout_ms, 75'000);
  EXPECT_EQ(config.http.client_header_timeout_ms, 500);
  EXPECT_EQ(config.http.client_max_body_bytes, 512LL << 20);
  EXPECT_EQ(config.http.access_log_buffer_bytes, 65536);
  EXPECT_FALSE(config.http.underscores_in_headers);
  EXPECT_TRUE(config.http.ignore_invalid_headers);
  EXPECT_TRUE(config.http.real_ip_recursive);
  EXPECT_FALSE(config.http.enable_access_log);
  EXPECT_EQ(config.http.access_log_format_escape, LogEscape::kJson);
  EXPECT_EQ(config.http.lua_shared_dict_bytes.at("mine"), 1 << 20);
  EXPECT_EQ(config.http.client_body_min_rate_bytes_per_s, 0);
  EXPECT_EQ(config.http.held_bodies_bytes_max, 8 << 20);
  EXPECT_TRUE(config.http.real_ip_from.unix_sockets);
  EXPECT_TRUE(config.http.real_ip_from.contains(*base::IpAddress::parse("10.9.8.7")));
  EXPECT_TRUE(config.http.real_ip_from.contains(*base::IpAddress::parse("::1")));
  EXPECT_FALSE(config.http.real_ip_from.contains(*base::IpAddress::parse("127.0.0.1")));
}

TEST(Load, UnknownVariablesOfTheAccessLogFormatAreFaults) {
  LoadOptions options;
  options.config_path = "conf/config.yaml";
  options.environment = [](std::string_view) { return std::nullopt; };
  options.find_unknown_variable = [](std::string_view format) {
    return format == "$bad" ? std::optional<std::string>("bad") : std::nullopt;
  };
  const std::string format = "nginx_config:\n  http:\n    access_log_format: $bad\n";
  const auto refused = load_settings_text(format, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what,
            "conf/config.yaml:3: nginx_config.http.access_log_format: unknown \"bad\" variable");
  // nginx never sees a format that nothing uses.
  EXPECT_TRUE(load_settings_text(format + "    enable_access_log: false\n", options));
  EXPECT_TRUE(load_settings_text("nginx_config: {http: {access_log_format: $good}}\n", options));
  options.find_unknown_variable = {};
  EXPECT_TRUE(load_settings_text(format, options));
}

TEST(Load, ApisixSection) {
  const auto loaded = load_text(
      "apisix:\n"
      "  id: 42\n"
      "  router: {http: radixtree_uri}\n"
      "  dns_resolver: [1.1.1.1, \"8.8.8.8:53\", \"::1\", \"[::1]:5353\", \"fe80::1%eth0\"]\n"
      "  dns_resolver_valid: 30\n"
      "  resolver_timeout: 0.5\n"
      "  data_encryption: {keyring: 0123456789abcdef}\n"
      "  trusted_addresses: [10.0.0.0/8]\n"
      "  max_post_args_readable_size: 1\n"
      "  enable_dev_mode: true\n"
      "  proxy_cache: {cache_ttl: 1m, zones: [{name: z, memory_size: 1m}]}\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  const Apisix& apisix = loaded->settings.apisix;
  EXPECT_EQ(apisix.id, "42");
  EXPECT_EQ(apisix.router_http, "radixtree_uri");
  EXPECT_THAT(apisix.dns_resolver, ElementsAre("1.1.1.1", "8.8.8.8:53", "[::1]", "[::1]:5353"));
  EXPECT_THAT(loaded->warnings, ElementsAre("c.yaml:4: apisix.dns_resolver[4]: unsupported DNS resolver: "
                                            "fe80::1%eth0, would ignore this item"));
  EXPECT_EQ(apisix.dns_resolver_valid_ms, 30'000);
  EXPECT_EQ(apisix.resolver_timeout_ms, 500);
  EXPECT_THAT(apisix.data_encryption.keyring, ElementsAre("0123456789abcdef"));
  ASSERT_TRUE(apisix.trusted_addresses);
  EXPECT_EQ(apisix.trusted_addresses->size(), 1u);
  EXPECT_EQ(apisix.max_post_args_readable_bytes, 1 << 20);
  EXPECT_FALSE(apisix.enable_reuseport) << "dev mode";
  EXPECT_EQ(apisix.proxy_cache->cache_ttl_ms, 60'000);
  EXPECT_EQ(apisix.proxy_cache->zones.size(), 1u);
}

TEST(Load, ProvidersAndRoles) {
  const struct {
    const char* text;
    Role role;
    Provider provider;
    bool admin;
  } kCases[] = {
      {"", Role::kTraditional, Provider::kLocal, true},
      {"deployment: {role: traditional}", Role::kTraditional, Provider::kLocal, true},
      {"deployment: {etcd: {prefix: /x}}", Role::kTraditional, Provider::kEtcd, true},
      {"etcd: {host: [\"http://e:1\"]}", Role::kTraditional, Provider::kEtcd, true},
      {"deployment: {role_traditional: {config_provider: etcd}}", Role::kTraditional, Provider::kEtcd, true},
      {"deployment: {role_traditional: {config_provider: yaml}}", Role::kTraditional, Provider::kYaml, true},
      {"deployment: {role_traditional: {config_provider: local}, etcd: {timeout: 5}}", Role::kTraditional,
       Provider::kLocal, true},
      {"deployment: {role: control_plane, role_control_plane: {config_provider: etcd}}\napisix: "
       "{enable_admin: false}",
       Role::kControlPlane, Provider::kEtcd, true},
      {"deployment: {role: data_plane, role_data_plane: {config_provider: yaml}}", Role::kDataPlane,
       Provider::kYaml, false},
      {"deployment: {role: data_plane, role_data_plane: {config_provider: json}}", Role::kDataPlane,
       Provider::kJson, false},
      {"apisix: {config_center: yaml}", Role::kDataPlane, Provider::kYaml, false},
  };
  for (const auto& [text, role, provider, admin] : kCases) {
    const auto loaded = load_text(text);
    ASSERT_TRUE(loaded) << text << loaded.error().what;
    EXPECT_EQ(loaded->settings.deployment.role, role) << text;
    EXPECT_EQ(loaded->settings.deployment.provider, provider) << text;
    EXPECT_EQ(serves_admin_api(loaded->settings), admin) << text;
  }
}

TEST(Load, TheProviderIsPublishedInTheMergedTree) {
  EXPECT_EQ(load_text("")->merged["deployment"]["config_provider"], "local");
  EXPECT_EQ(load_text("")->merged["deployment"]["role_traditional"]["config_provider"], "local");
  EXPECT_EQ(load_text("etcd: {timeout: 3}")->merged["deployment"]["config_provider"], "etcd");
}

TEST(Load, EtcdSection) {
  const auto loaded = load_text(
      "deployment:\n  etcd:\n    host: [\"https://a:2379\", \"https://b:2379\"]\n    prefix: /gw\n    "
      "timeout: 3\n"
      "    watch_timeout: 7\n    startup_retry: 0\n    user: u\n    password: p\n    health_check_timeout: "
      "-1\n"
      "    resync_delay: 1\n    tls: {cert: c, key: k, sni: s, verify: false}\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  const Deployment::Etcd& etcd = loaded->settings.deployment.etcd;
  EXPECT_THAT(etcd.host, ElementsAre("https://a:2379", "https://b:2379"));
  EXPECT_EQ(etcd.prefix, "/gw");
  EXPECT_EQ(etcd.timeout_ms, 3'000);
  EXPECT_EQ(etcd.watch_timeout_ms, 7'000);
  EXPECT_EQ(etcd.startup_retry, 0);
  EXPECT_EQ(etcd.health_check_timeout_ms, 10'000);
  EXPECT_EQ(etcd.resync_delay_ms, 1'000);
  EXPECT_EQ(etcd.user + etcd.password + etcd.tls.cert + etcd.tls.key + etcd.tls.sni, "upcks");
  EXPECT_FALSE(etcd.tls.verify);
}

TEST(Load, ReservedEnvironmentVariables) {
  const auto loaded = load_text("deployment: {etcd: {host: [\"http://a:1\"]}}",
                                {{"APISIX_DEPLOYMENT_ETCD_HOST", "[\"http://b:2\"]"},
                                 {"APISIX_WORKER_PROCESSES", "4.7"},
                                 {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "99"}});
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_THAT(loaded->settings.deployment.etcd.host, ElementsAre("http://b:2"));
  EXPECT_EQ(loaded->settings.nginx_config.worker_processes, 4);
  EXPECT_EQ(
      loaded->settings.plugin_attr["opentelemetry"]["batch_span_processor"]["max_export_batch_size"].asInt(),
      99);
  EXPECT_EQ(
      load_text("", {{"APISIX_DEPLOYMENT_ETCD_HOST", "[\"http://b:2\"]"}})->settings.deployment.provider,
      Provider::kEtcd);
  EXPECT_THAT(faults_of("", {{"APISIX_DEPLOYMENT_ETCD_HOST", "http://b"}}),
              HasSubstr("parse ${APISIX_DEPLOYMENT_ETCD_HOST} failed"));
  EXPECT_THAT(faults_of("", {{"APISIX_WORKER_PROCESSES", "many"}}), HasSubstr("APISIX_WORKER_PROCESSES"));
  EXPECT_THAT(faults_of("", {{"APISIX_STAND_ALONE", "true"}}),
              HasSubstr("APISIX_STAND_ALONE is set to 'true' but config_provider is 'local'. For standalone "
                        "mode, config_provider must be 'yaml' or 'json'. Current role: traditional"));
  EXPECT_EQ(faults_of("deployment: {role: data_plane, role_data_plane: {config_provider: yaml}}",
                      {{"APISIX_STAND_ALONE", "true"}}),
            "");
}

TEST(Load, AdminKeys) {
  const auto loaded = load_text(
      "deployment:\n  admin:\n    admin_key:\n      - {name: a, key: 123, role: admin}\n"
      "      - {name: v, key: abc, role: viewer}\n    allow_admin: [10.0.0.0/8, \"::1\"]\n    https_admin: "
      "true\n"
      "    admin_api_mtls: {admin_ssl_cert: c, admin_ssl_cert_key: k, admin_ssl_ca_cert: ca}\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  const Deployment::Admin& admin = loaded->settings.deployment.admin;
  EXPECT_THAT(admin.admin_key,
              ElementsAre(AdminKey{"a", "123", AdminRole::kAdmin}, AdminKey{"v", "abc", AdminRole::kViewer}));
  EXPECT_EQ(admin.allow_admin->size(), 2u);
  EXPECT_TRUE(admin.listen.tls);
  EXPECT_EQ(admin.ssl_ca_cert, "ca");
}

TEST(Load, WhoMayUseTheAdminApi) {
  EXPECT_FALSE(load_text("deployment: {admin: {allow_admin: null}}")->settings.deployment.admin.allow_admin);
  EXPECT_FALSE(load_text("deployment: {admin: {allow_admin: [all]}}")->settings.deployment.admin.allow_admin);
  EXPECT_TRUE(
      load_text("deployment: {admin: {allow_admin: []}}")->settings.deployment.admin.allow_admin->empty());
}

TEST(Load, AMissingAdminKeyIsFatalOnlyBeyondThisMachine) {
  EXPECT_THAT(faults_of("deployment: {admin: {admin_key: [], allow_admin: [0.0.0.0/0]}}"),
              HasSubstr("missing valid Admin API token"));
  const auto local = load_text("deployment: {admin: {admin_key: null}}");
  ASSERT_TRUE(local);
  EXPECT_THAT(local->warnings, ElementsAre(HasSubstr("missing valid Admin API token")));
  const auto open = load_text("deployment: {admin: {admin_key_required: false, allow_admin: [0.0.0.0/0]}}");
  ASSERT_TRUE(open);
  EXPECT_THAT(open->warnings, ElementsAre(HasSubstr("Warning! Admin key is bypassed!")));
  const auto empty = load_text("deployment: {admin: {allow_admin: [0.0.0.0/0]}}");
  ASSERT_TRUE(empty);
  EXPECT_THAT(empty->warnings, ElementsAre(HasSubstr("WARNING: using empty Admin API token")));
}

TEST(Load, LoopbackInAllowAdminIsRecognisedByAddress) {
  const auto is_this_machine_alone = [](std::string_view list) {
    const std::string text =
        fmt::format("deployment: {{admin: {{admin_key: [], allow_admin: [{}]}}}}\n", list);
    const auto loaded = load_text(text);
    if (loaded) return true;
    EXPECT_THAT(loaded.error().what, HasSubstr("missing valid Admin API token")) << list;
    return false;
  };
  for (const char* list :
       {"127.0.0.0/24", "127.0.0.1", "127.0.0.1/24", "127.0.0.1/8", "127.0.0.0/8", "127.5.6.7/32", "\"::1\"",
        "\"::1/128\"", "\"::ffff:127.0.0.1\"", "127.0.0.1, \"::1\""}) {
    EXPECT_TRUE(is_this_machine_alone(list)) << list;
  }
  for (const char* list :
       {"126.0.0.0/7", "127.0.0.1/7", "0.0.0.0/0", "128.0.0.1", "10.0.0.1/32", "\"::1/127\"", "\"::/0\"",
        "\"::2\"", "\"::ffff:10.0.0.1\"", "127.0.0.1, 10.0.0.0/8", "all"}) {
    EXPECT_FALSE(is_this_machine_alone(list)) << list;
  }
  EXPECT_TRUE(load_text("apisix: {allow_admin: [127.0.0.1/8], admin_key: []}")) << "the layout of 2.x";
  EXPECT_FALSE(load_text("apisix: {allow_admin: [127.0.0.1/7], admin_key: []}"));
}

TEST(Load, ThePublishedKeyIsRefusedBeyondThisMachine) {
  const std::string local =
      "deployment:\n  admin:\n    admin_key: [{name: a, key: edd1c9f034335f136f87ad84b625c8f1, role: "
      "admin}]\n";
  const auto loaded = load_text(local);
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->warnings, ElementsAre(HasSubstr("this key stands in old")));
  EXPECT_EQ(faults_of(local + "    allow_admin: [127.0.0.1/8, \"::1/128\"]\n"), "");
  const std::string known = local + "    allow_admin: [10.0.0.0/8]\n";
  EXPECT_THAT(faults_of(known),
              HasSubstr("c.yaml:3: deployment.admin.admin_key[0].key: this key stands in old"));
  EXPECT_EQ(faults_of(known + "    allow_insecure_default_key: true\n"), "");
  EXPECT_EQ(faults_of(known + "  role: data_plane\n  role_data_plane: {config_provider: yaml}\n"), "")
      << "no Admin API, nothing to protect";
}

TEST(Load, UnknownKeysAreWarnedAboutWithASuggestion) {
  const auto loaded = load_text(
      "apisix:\n  node_lisen: 1\n  zzzzzzzz: 1\n"
      "pluginz: []\n"
      "nginx_config:\n  http:\n    keepalive_timout: 5s\n  client_max_body_size: 5m\n"
      "plugin_attr:\n  my-own: {anything: 1}\n"
      "deployment:\n  admin:\n    admin_keys: []\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_THAT(loaded->warnings,
              ::testing::UnorderedElementsAre(
                  "c.yaml:2: apisix.node_lisen: unknown key, it has no effect; did you mean \"node_listen\"?",
                  "c.yaml:3: apisix.zzzzzzzz: unknown key, it has no effect",
                  "c.yaml:4: pluginz: unknown key, it has no effect; did you mean \"plugins\"?",
                  "c.yaml:7: nginx_config.http.keepalive_timout: unknown key, it has no effect; did you mean "
                  "\"keepalive_timeout\"?",
                  "c.yaml:8: nginx_config.client_max_body_size: unknown key, it has no effect; did you mean "
                  "\"nginx_config.http.client_max_body_size\"?",
                  "c.yaml:13: deployment.admin.admin_keys: unknown key, it has no effect; did you mean "
                  "\"admin_key\"?"));
}

TEST(Load, KeysThatOnlyNginxUnderstandsAreNoted) {
  const auto loaded = load_text(
      "nginx_config:\n  max_pending_timers: 5\n  http_server_configuration_snippet: |\n    tcp_nodelay on;\n"
      "  http_configuration_snippet: |\n    # only a comment\n  main_configuration_snippet: |\n    daemon "
      "off;\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_EQ(loaded->settings.nginx_config.max_pending_timers, 5);
  EXPECT_EQ(loaded->settings.nginx_config.max_running_timers, 4096);
  EXPECT_THAT(loaded->notes,
              ::testing::UnorderedElementsAre(
                  HasSubstr("local store"),
                  "c.yaml:3: nginx_config.http_server_configuration_snippet: has no effect in this gateway",
                  "c.yaml:7: nginx_config.main_configuration_snippet: has no effect in this gateway"));
}

TEST(Load, PlacesOfVersion2AreRead) {
  const auto loaded = load_text(
      "apisix:\n"
      "  admin_key: [{name: a, key: k, role: admin}]\n"
      "  allow_admin: [10.0.0.0/8]\n"
      "  port_admin: 9999\n"
      "  enable_debug: true\n"
      "  ssl: {listen_port: 8443, key_encrypt_salt: 0123456789abcdef}\n"
      "etcd: {prefix: /old}\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  const Settings& settings = loaded->settings;
  EXPECT_EQ(settings.deployment.admin.admin_key[0].key, "k");
  EXPECT_EQ(settings.deployment.admin.allow_admin->size(), 1u);
  EXPECT_EQ(settings.deployment.admin.listen.port, 9999);
  EXPECT_EQ(settings.deployment.admin.listen.ip, "0.0.0.0");
  EXPECT_EQ(settings.apisix.ssl.listen[0].port, 8443);
  EXPECT_THAT(settings.apisix.data_encryption.keyring, ElementsAre("0123456789abcdef"));
  EXPECT_EQ(settings.deployment.etcd.prefix, "/old");
  EXPECT_THAT(loaded->warnings, ::testing::IsSupersetOf(
                                    {HasSubstr("c.yaml:2: apisix.admin_key: deprecated, write it as "
                                               "deployment.admin.admin_key"),
                                     HasSubstr("c.yaml:4: apisix.port_admin: deprecated"),
                                     HasSubstr("c.yaml:6: apisix.ssl.listen_port: deprecated"),
                                     HasSubstr("c.yaml:7: etcd: deprecated, write it as deployment.etcd")}));
  EXPECT_THAT(loaded->notes, ElementsAre("c.yaml:5: apisix.enable_debug: has no effect in this gateway"));
}

TEST(Load, FaultsOfMovedKeysNameTheirOwnLine) {
  EXPECT_THAT(faults_of("apisix:\n  allow_admin:\n    - nonsense\n"),
              HasSubstr("c.yaml:3: deployment.admin.allow_admin[0]: expected an IP address"));
}

TEST(Load, TheNewPlaceWins) {
  const auto loaded = load_text("etcd: {prefix: /old}\ndeployment: {etcd: {prefix: /new}}\n");
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->settings.deployment.etcd.prefix, "/new");
  EXPECT_THAT(loaded->warnings,
              ElementsAre(HasSubstr("deprecated and ignored, since deployment.etcd is set")));
}

TEST(Load, TrustedCertificatesAreFoundBelowThePrefix) {
  std::string prefix = ::testing::TempDir() + "prefix_XXXXXX";
  ASSERT_NE(::mkdtemp(prefix.data()), nullptr);
  std::filesystem::create_directory(prefix + "/conf");
  ASSERT_TRUE(base::replace_file(prefix + "/conf/ca.pem", "a certificate"));
  LoadOptions options;
  options.config_path = "c.yaml";
  options.prefix = prefix;
  for (const std::string& written :
       {std::string("ca.pem"), prefix + "/conf/ca.pem", std::string("conf/ca.pem")}) {
    const auto loaded =
        load_settings_text("apisix: {ssl: {ssl_trusted_certificate: " + written + "}}", options);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(*trusted_certificate_path(loaded->settings), prefix + "/conf/ca.pem");
  }
  std::filesystem::remove_all(prefix);
}

TEST(Load, SystemCertificatesAreAFileOrAnError) {
  const auto path = trusted_certificate_path(Settings{});
  if (path) {
    EXPECT_TRUE(std::filesystem::exists(*path));
  } else {
    EXPECT_THAT(path.error().what, HasSubstr("ssl_trusted_certificate"));
  }
}

TEST(Load, AMissingFileIsNamed) {
  LoadOptions options;
  options.config_path = "/nonexistent/config.yaml";
  const auto loaded = load_settings(options);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().what, HasSubstr("/nonexistent/config.yaml"));
}

}  // namespace
}  // namespace apisix::settings
