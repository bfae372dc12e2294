#include <fmt/format.h>

#include "shared/format/read.h"
#include "shared/settings/build.h"
#include "shared/settings/merge.h"
#include "shared/settings/section.h"

namespace apisix::settings {
namespace {

LogEscape log_escape(const Json& name) {
  if (name == "json") return LogEscape::kJson;
  if (name == "none") return LogEscape::kNone;
  return LogEscape::kDefault;
}

VerifyUpstreams verify_upstreams(const Json& name) {
  if (name == "by_upstream") return VerifyUpstreams::kByUpstream;
  if (name == "always") return VerifyUpstreams::kAlways;
  return VerifyUpstreams::kNever;
}

PeerSet read_peers(const Json& list) {
  PeerSet peers;
  if (!list.isArray()) return peers;
  for (const Json& element : list) {
    const std::string text = element.isString() ? format::string_of(element) : std::string();
    const bool all = text == "all";
    if (all || text == "unix:") peers.unix_sockets = true;
    for (const std::string& network :
         all ? std::vector<std::string>{"0.0.0.0/0", "::/0"} : std::vector{text}) {
      if (const auto parsed = base::Cidr::parse(network)) peers.networks.push_back(*parsed);
    }
  }
  return peers;
}

void build_http(const Section& section, NginxConfig::Http& http) {
  section.read_flag("enable_access_log", http.enable_access_log);
  section.read_text("access_log", http.access_log);
  if (http.access_log == "off") http.enable_access_log = false;
  section.read_size("access_log_buffer", http.access_log_buffer_bytes);
  section.read_text("access_log_format", http.access_log_format);
  http.access_log_format_escape = log_escape(section.at("access_log_format_escape"));
  section.read_duration("keepalive_timeout", http.keepalive_timeout_ms);
  section.read_duration("client_header_timeout", http.client_header_timeout_ms);
  section.read_duration("client_body_timeout", http.client_body_timeout_ms);
  section.read_duration("send_timeout", http.send_timeout_ms);
  section.read_size("client_max_body_size", http.client_max_body_bytes);
  section.read_size("client_body_min_rate", http.client_body_min_rate_bytes_per_s);
  section.read_size("held_bodies_size", http.held_bodies_bytes_max);
  section.read_flag("underscores_in_headers", http.underscores_in_headers);
  section.read_flag("ignore_invalid_headers", http.ignore_invalid_headers);
  section.read_text("real_ip_header", http.real_ip_header);
  section.read_flag("real_ip_recursive", http.real_ip_recursive);
  http.real_ip_from = read_peers(section.at("real_ip_from"));
  section.read_flag("proxy_ssl_server_name", http.proxy_ssl.server_name);
  http.proxy_ssl.verify = verify_upstreams(section.at("proxy_ssl_verify"));
  const Section upstream = section.section("upstream");
  upstream.read_integer("keepalive", http.upstream.keepalive);
  upstream.read_integer("keepalive_requests", http.upstream.keepalive_requests);
  upstream.read_duration("keepalive_timeout", http.upstream.keepalive_timeout_ms);
  section.read_text("charset", http.charset);
  http.lua_shared_dict_bytes.clear();
  section.read_sizes("lua_shared_dict", http.lua_shared_dict_bytes);
  section.read_sizes("custom_lua_shared_dict", http.lua_shared_dict_bytes);
}

void build_stream(const Section& section, NginxConfig::Stream& stream) {
  section.read_flag("enable_access_log", stream.enable_access_log);
  section.read_text("access_log", stream.access_log);
  if (stream.access_log == "off") stream.enable_access_log = false;
  section.read_text("access_log_format", stream.access_log_format);
  stream.access_log_format_escape = log_escape(section.at("access_log_format_escape"));
  stream.real_ip_from = read_peers(section.at("real_ip_from"));
  section.read_size("metrics_zone_size", stream.metrics_zone_bytes);
  stream.lua_shared_dict_bytes.clear();
  section.read_sizes("lua_shared_dict", stream.lua_shared_dict_bytes);
}

void read_worker_processes(const Section& section, NginxConfig& config, Report& report) {
  constexpr std::int64_t kWorkersMax = 4096;
  const Json& value = section.at("worker_processes");
  config.worker_processes = 0;
  if (value.isNull() || value == "auto") return;
  section.read_integer("worker_processes", config.worker_processes);
  if (config.worker_processes >= 1 && config.worker_processes <= kWorkersMax) return;
  report.expected("nginx_config.worker_processes",
                  fmt::format("auto or a whole number from 1 to {}", kWorkersMax), value);
}

}  // namespace

void build_nginx_config(const Json& merged, NginxConfig& config, Report& report) {
  const Section section(at_path(merged, "nginx_config"));
  section.read_text("user", config.user);
  section.read_text("error_log", config.error_log);
  std::string level;
  section.read_text("error_log_level", level);
  if (const auto parsed = base::parse_log_level(level)) config.error_log_level = *parsed;
  read_worker_processes(section, config, report);
  section.read_flag("enable_cpu_affinity", config.enable_cpu_affinity);
  const Section event = section.section("event");
  event.read_integer("worker_connections", config.event.worker_connections);
  event.read_flag("io_uring", config.event.io_uring);
  section.read_integer("worker_rlimit_nofile", config.worker_rlimit_nofile);
  // A few more than connections, for logs, listeners, the store, and clients of the Admin and Control API.
  constexpr std::int64_t kOtherFiles = 256;
  if (config.worker_rlimit_nofile <= config.event.worker_connections) {
    config.worker_rlimit_nofile = config.event.worker_connections + kOtherFiles;
  }
  section.read_duration("worker_shutdown_timeout", config.worker_shutdown_timeout_ms);
  section.read_duration("worker_stuck_timeout", config.worker_stuck_timeout_ms);
  section.read_integer("max_pending_timers", config.max_pending_timers);
  section.read_integer("max_running_timers", config.max_running_timers);
  section.read_texts("envs", config.envs);
  config.meta_lua_shared_dict_bytes.clear();
  section.section("meta").read_sizes("lua_shared_dict", config.meta_lua_shared_dict_bytes);
  build_http(section.section("http"), config.http);
  build_stream(section.section("stream"), config.stream);
}

}  // namespace apisix::settings
