// config.yaml as one validated struct. Nested structs mirror the key paths, so `apisix.ssl.listen` is
// `settings.apisix.ssl.listen`. Built by load_settings() (load.h) in the master and in each worker, and
// never changed afterwards. A default-constructed Settings is what an empty config.yaml gives.
// Units are part of the names: *_ms, *_bytes. What is rarely used stays JSON, in `merged`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/ip.h"
#include "shared/base/log.h"
#include "shared/format/json.h"

namespace apisix::settings {

using format::Json;

// One address that the master opens for HTTP (data plane, Admin, Control, status, metrics).
struct Listen {
  std::string ip = "0.0.0.0";  // numeric, IPv6 without brackets
  std::uint16_t port = 0;
  bool tls = false;
  bool http2 = false;           // h2 by ALPN, or h2c with prior knowledge when not tls
  bool http3 = false;           // QUIC on the UDP port of the same number
  bool proxy_protocol = false;  // every connection starts with a PROXY header

  bool operator==(const Listen&) const = default;
};

// One layer 4 address; ranges such as "2000-2100" are expanded, one entry per port.
struct StreamListen {
  std::string ip = "0.0.0.0";
  std::uint16_t port = 0;
  bool udp = false;
  bool tls = false;
  bool proxy_protocol = false;
  bool proxy_protocol_to_upstream = false;

  bool operator==(const StreamListen&) const = default;
};

enum class Role : unsigned char { kTraditional, kControlPlane, kDataPlane };
// kLocal is an extension: the embedded store under <prefix>/data.
enum class Provider : unsigned char { kLocal, kEtcd, kYaml, kJson };
enum class AdminRole : unsigned char { kAdmin, kViewer };
// Of whose nodes the certificate is verified: of none, of those of upstreams with tls.verify, of all.
enum class VerifyUpstreams : unsigned char { kNever, kByUpstream, kAlways };
enum class LogEscape : unsigned char { kDefault, kJson, kNone };

struct ProxyCacheZone {
  std::string name;
  std::int64_t memory_bytes = 0;
  std::int64_t disk_bytes = 0;  // 0 with an empty disk_path: a memory zone
  std::string disk_path;
  std::string cache_levels;

  bool operator==(const ProxyCacheZone&) const = default;
};

struct Apisix {
  struct Ssl {
    bool enable = true;
    std::vector<Listen> listen = {{.port = 9443, .tls = true, .http2 = true},
                                  {.ip = "::", .port = 9443, .tls = true, .http2 = true}};
    std::string ssl_protocols = "TLSv1.2 TLSv1.3";
    std::string ssl_ciphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
        "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";
    bool ssl_session_tickets = false;
    std::string ssl_trusted_certificate = "system";  // or an absolute path; see trusted_certificate_path()
    std::string fallback_sni;

    bool operator==(const Ssl&) const = default;
  };
  struct ProxyCache {
    std::int64_t cache_ttl_ms = 10'000;
    std::vector<ProxyCacheZone> zones = {{"disk_cache_one", 50 << 20, 1 << 30, "/tmp/disk_cache_one", "1:2"},
                                         {"memory_cache", 50 << 20, 0, "", ""}};

    bool operator==(const ProxyCache&) const = default;
  };
  struct DataEncryption {
    bool enable_encrypt_fields = true;
    std::vector<std::string> keyring = {"qeddd145sfvddff3", "edd1c9f0985e76a2"};  // 16 or 32 bytes each

    bool operator==(const DataEncryption&) const = default;
  };
  struct SecretCache {  // apisix.lru.secret
    std::int64_t ttl_ms = 300'000;
    std::int64_t count = 512;
    std::int64_t neg_ttl_ms = 60'000;
    std::int64_t neg_count = 512;

    bool operator==(const SecretCache&) const = default;
  };
  struct StreamProxy {  // empty unless proxy_mode names stream
    std::vector<StreamListen> tcp;
    std::vector<StreamListen> udp;

    bool operator==(const StreamProxy&) const = default;
  };

  std::string id;  // empty: see instance_id.h
  // Every plain HTTP listener, also proxy_protocol.listen_http_port; [::] twins are entries of their own.
  // Empty in role control_plane.
  std::vector<Listen> node_listen = {{.port = 9080, .http2 = true},
                                     {.ip = "::", .port = 9080, .http2 = true}};
  Ssl ssl;  // ssl.listen is empty when ssl.enable is false
  bool enable_admin = true;
  bool enable_control = true;
  std::optional<Listen> control = Listen{.ip = "127.0.0.1", .port = 9090};  // none: enable_control is false
  std::string control_router;
  std::optional<Listen> status;  // none unless configured
  bool enable_dev_mode = false;
  bool enable_reuseport = true;
  bool enable_ipv6 = true;
  bool enable_http2 = true;
  bool enable_server_tokens = true;
  bool http_enabled = true;     // from proxy_mode
  bool stream_enabled = false;  // from proxy_mode
  StreamProxy stream_proxy;
  std::string router_http = "radixtree_host_uri";  // a name of route::router_kind_of()
  bool delete_uri_tail_slash = false;
  bool normalize_uri_like_servlet = false;
  bool match_uri_encoded_slash = false;
  bool show_upstream_status_in_response_header = false;
  std::int64_t max_post_args_readable_bytes = 1 << 20;  // 0: no limit
  bool disable_upstream_healthcheck = false;
  bool tracing = false;
  std::optional<std::vector<base::Cidr>> trusted_addresses;  // none: not configured, which differs from empty
  std::vector<std::string> dns_resolver;                     // empty: those of /etc/resolv.conf
  std::int64_t dns_resolver_valid_ms = 0;                    // 0: the TTL of the reply
  std::int64_t resolver_timeout_ms = 5'000;
  bool enable_resolv_search_opt = true;
  DataEncryption data_encryption;
  std::optional<ProxyCache> proxy_cache = ProxyCache{};  // none: deleted with null
  SecretCache lru_secret;
  std::int64_t worker_startup_time_threshold_ms = 60'000;
  bool disable_sync_configuration_during_start = false;
  std::string extra_lua_path;
  std::string extra_lua_cpath;
  std::string lua_module_hook;

  bool operator==(const Apisix&) const = default;
};

// Who may say where a request came from: addresses, and peers of unix sockets ("unix:").
struct PeerSet {
  std::vector<base::Cidr> networks;
  bool unix_sockets = false;

  bool contains(const base::IpAddress& address) const;
  bool operator==(const PeerSet&) const = default;
};

struct NginxConfig {
  struct Event {
    std::int64_t worker_connections = 10620;
    bool io_uring = true;  // extension: where the kernel has it, reads and writes of a turn go by few calls

    bool operator==(const Event&) const = default;
  };
  struct Upstream {
    std::int64_t keepalive = 320;
    std::int64_t keepalive_requests = 1000;
    std::int64_t keepalive_timeout_ms = 60'000;

    bool operator==(const Upstream&) const = default;
  };
  // Of connections to upstreams: `proxy_ssl_server_name` and so on.
  struct ProxySsl {
    bool server_name = true;
    VerifyUpstreams verify = VerifyUpstreams::kNever;  // extension: APISIX verifies none

    bool operator==(const ProxySsl&) const = default;
  };
  struct Http {
    bool enable_access_log = true;
    std::string access_log = "logs/access.log";  // relative to the prefix; "off" sets enable_access_log false
    std::int64_t access_log_buffer_bytes = 16384;
    std::string access_log_format =
        "$remote_addr - $remote_user [$time_local] $http_host \"$request\" $status $body_bytes_sent "
        "$request_time \"$http_referer\" \"$http_user_agent\" $upstream_addr $upstream_status "
        "$upstream_response_time \"$upstream_scheme://$upstream_host$upstream_uri\" \"$apisix_request_id\"";
    LogEscape access_log_format_escape = LogEscape::kDefault;
    std::int64_t keepalive_timeout_ms = 60'000;
    std::int64_t client_header_timeout_ms = 60'000;
    std::int64_t client_body_timeout_ms = 60'000;
    std::int64_t send_timeout_ms = 10'000;
    std::int64_t client_max_body_bytes = 0;  // 0: no limit
    // Extension: a request body that arrives slower than this on average gets 408 (gRPC excepted);
    // 0 turns it off.
    std::int64_t client_body_min_rate_bytes_per_s = 64;
    std::int64_t held_bodies_bytes_max = std::int64_t{256} << 20;  // of one worker
    bool underscores_in_headers = true;
    bool ignore_invalid_headers = false;  // nginx's directive (on there), which APISIX has no key for
    std::string real_ip_header = "X-Real-IP";
    bool real_ip_recursive = false;
    PeerSet real_ip_from = default_real_ip_from();
    ProxySsl proxy_ssl;
    Upstream upstream;
    std::string charset = "utf-8";
    // Sizes of the zones, those of custom_lua_shared_dict included.
    std::map<std::string, std::int64_t> lua_shared_dict_bytes = default_zones();

    static std::map<std::string, std::int64_t> default_zones();
    static PeerSet default_real_ip_from();
    bool operator==(const Http&) const = default;
  };
  struct Stream {
    bool enable_access_log = false;
    std::string access_log = "logs/access_stream.log";
    std::string access_log_format =
        "$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time";
    LogEscape access_log_format_escape = LogEscape::kDefault;
    PeerSet real_ip_from;
    std::int64_t metrics_zone_bytes = 1 << 20;
    std::map<std::string, std::int64_t> lua_shared_dict_bytes = default_zones();

    static std::map<std::string, std::int64_t> default_zones();
    bool operator==(const Stream&) const = default;
  };

  std::string user;  // "name" or "name group"; empty: the workers of a root master become nobody, as in nginx
  std::string error_log = "logs/error.log";
  base::LogLevel error_log_level = base::LogLevel::kWarn;
  std::int64_t worker_processes = 0;  // 0: auto; ask worker_count() (cores.h)
  bool enable_cpu_affinity = false;
  std::int64_t worker_rlimit_nofile = 20480;  // always above event.worker_connections
  std::int64_t worker_shutdown_timeout_ms = 240'000;
  std::int64_t worker_stuck_timeout_ms = 10'000;  // 0: a process whose loop stands still is not replaced
  std::int64_t max_pending_timers = 16384;        // of Lua, in one worker
  std::int64_t max_running_timers = 4096;
  Event event;
  std::vector<std::string> envs;  // "NAME" or "NAME=value"
  std::map<std::string, std::int64_t> meta_lua_shared_dict_bytes = default_meta_zones();
  Http http;
  Stream stream;

  static std::map<std::string, std::int64_t> default_meta_zones();
  bool operator==(const NginxConfig&) const = default;
};

struct AdminKey {
  std::string name;
  std::string key;  // empty: to be generated, see admin_key.h
  AdminRole role = AdminRole::kAdmin;

  bool operator==(const AdminKey&) const = default;
};

struct Deployment {
  struct Admin {
    Listen listen = {.ip = "0.0.0.0", .port = 9180};  // tls when https_admin
    bool admin_key_required = true;
    bool allow_insecure_default_key = false;  // extension: permits the key that is published
    std::vector<AdminKey> admin_key = {{"admin", "", AdminRole::kAdmin}};
    bool enable_admin_cors = true;
    bool enable_admin_ui = true;
    // Checked against the peer of the socket. None (null in config.yaml): all; empty: none.
    std::optional<std::vector<base::Cidr>> allow_admin = default_allow_admin();
    std::string admin_api_version = "v3";
    std::string ssl_cert;  // of admin_api_mtls
    std::string ssl_cert_key;
    std::string ssl_ca_cert;
    // Extension: the history of changes.
    struct History {
      std::int64_t max_entries = 1000;  // 0: none is kept
      std::int64_t max_age_days = 30;

      bool operator==(const History&) const = default;
    };
    History history;

    static std::vector<base::Cidr> default_allow_admin();
    bool operator==(const Admin&) const = default;
  };
  struct Etcd {
    std::vector<std::string> host = {"http://127.0.0.1:2379"};
    std::string prefix = "/apisix";
    std::int64_t timeout_ms = 30'000;
    std::int64_t watch_timeout_ms = 50'000;
    std::int64_t startup_retry = 2;
    std::int64_t resync_delay_ms = 5'000;
    std::int64_t health_check_timeout_ms = 10'000;
    std::string user;
    std::string password;
    struct Tls {
      std::string cert;
      std::string key;
      std::string sni;
      bool verify = true;

      bool operator==(const Tls&) const = default;
    } tls;

    bool operator==(const Etcd&) const = default;
  };

  Role role = Role::kTraditional;
  // From role_*.config_provider; kLocal when the user's file names neither etcd nor a provider.
  Provider provider = Provider::kLocal;
  Admin admin;
  Etcd etcd;

  bool operator==(const Deployment&) const = default;
};

// plugin_attr.prometheus, as far as the engine needs it; the rest is read from plugin_attr.
struct PrometheusExport {
  std::optional<Listen> listen = Listen{.ip = "127.0.0.1", .port = 9091};  // none: no export server
  std::string export_uri = "/apisix/prometheus/metrics";
  std::string metric_prefix = "apisix_";
  std::int64_t refresh_interval_ms = 15'000;

  bool operator==(const PrometheusExport&) const = default;
};

// Extension: how Lua runs.
struct Lua {
  std::int64_t cpu_limit_ms = 1'000;                          // of one run without a wait; 0: no limit
  std::int64_t memory_limit_bytes = std::int64_t{512} << 20;  // of one worker; 0: no limit
  bool jit = true;
  std::vector<std::string>
      override_native;  // plugins whose Lua files are taken although there are native ones
  bool watch = false;   // files that change are loaded anew

  bool operator==(const Lua&) const = default;
};

struct Settings {
  Apisix apisix;
  NginxConfig nginx_config;
  Deployment deployment;
  std::int64_t graphql_max_bytes = 1 << 20;
  std::vector<std::string> plugins = default_plugins();
  std::vector<std::string> stream_plugins = {"ip-restriction", "limit-conn", "mqtt-proxy", "syslog",
                                             "traffic-split"};
  PrometheusExport prometheus;
  Lua lua;

  Json plugin_attr = default_plugin_attr();
  Json discovery = Json(::Json::objectValue);  // `discovery`, unchecked beyond being an object
  Json ext_plugin = Json(::Json::objectValue);
  Json wasm = Json(::Json::objectValue);
  Json xrpc = Json(::Json::objectValue);

  static std::vector<std::string> default_plugins();
  static Json default_plugin_attr();
  bool operator==(const Settings&) const = default;
};

// The roles that serve the Admin API: never a data_plane; always a control_plane.
inline bool serves_admin_api(const Settings& settings) {
  return settings.apisix.enable_admin;
}

// Standalone, and the configuration comes as a whole by PUT /apisix/admin/configs instead of from a file.
inline bool takes_pushed_configuration(const Settings& settings) {
  return settings.deployment.provider == Provider::kYaml && serves_admin_api(settings);
}
// Standalone, from conf/apisix.yaml or apisix.json.
inline bool reads_configuration_file(const Settings& settings) {
  return settings.deployment.provider == Provider::kJson ||
         (settings.deployment.provider == Provider::kYaml && !serves_admin_api(settings));
}

}  // namespace apisix::settings
