#include "shared/settings/listeners.h"

#include <algorithm>

#include <fmt/format.h>

#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/settings/merge.h"
#include "shared/settings/port_table.h"
#include "shared/settings/section.h"

namespace apisix::settings {
namespace {

std::optional<std::uint16_t> port_number(const Json& value) {
  if (!value.isIntegral() || !value.isInt64()) return std::nullopt;
  const auto number = format::clamped<std::int64_t>(value);
  if (number < 1 || number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(number);
}

class ListenerReader {
 public:
  ListenerReader(const Json& merged, Settings& settings, Report& report)
      : merged_(merged), settings_(settings), report_(report) {}

  void read_all() {
    read_services();
    settings_.apisix.node_listen.clear();
    settings_.apisix.ssl.listen.clear();
    const bool serves_clients = settings_.deployment.role != Role::kControlPlane;
    if (serves_clients && settings_.apisix.http_enabled) {
      read_node_listen();
      read_ssl_listen();
      read_proxy_protocol();
    }
    if (serves_clients && settings_.apisix.stream_enabled) read_streams();
  }

 private:
  // A fixed address {ip, port} with defaults.
  std::optional<Listen> read_address(const std::string& path, const std::string& purpose, Listen defaults) {
    const Section address(at_path(merged_, path));
    std::string ip = defaults.ip;
    address.read_text("ip", ip);
    const auto numeric = numeric_ip(ip);
    if (!numeric) report_.expected(path + ".ip", "an IP address", ip);
    if (const auto port = port_number(address.at("port"))) defaults.port = *port;
    defaults.ip = numeric.value_or(defaults.ip);
    if (!claim(path, purpose, defaults, Transport::kTcp)) return std::nullopt;
    return defaults;
  }

  void read_services() {
    Deployment::Admin& admin = settings_.deployment.admin;
    if (settings_.apisix.enable_admin) {
      const bool tls = admin.listen.tls;
      const Listen defaults{.ip = std::string(kAnyV4), .port = 9180, .tls = tls};
      if (auto listen = read_address("deployment.admin.admin_listen", "admin port", defaults))
        admin.listen = *listen;
    }
    if (!at_path(merged_, "apisix.status").isNull()) {
      settings_.apisix.status =
          read_address("apisix.status", "status port", {.ip = "127.0.0.1", .port = 7085});
    }
    settings_.apisix.control.reset();
    if (settings_.apisix.enable_control) {
      settings_.apisix.control =
          read_address("apisix.control", "control port", {.ip = "127.0.0.1", .port = 9090});
    }
    bool export_server = false;
    Section(at_path(merged_, "plugin_attr.prometheus")).read_flag("enable_export_server", export_server);
    settings_.prometheus.listen.reset();
    if (export_server) {
      settings_.prometheus.listen = read_address("plugin_attr.prometheus.export_addr", "prometheus port",
                                                 {.ip = "127.0.0.1", .port = 9091});
    }
  }

  // False, with a fault at `path`, when another purpose has the port.
  template <typename AnyListen>
  bool claim(const std::string& path, const std::string& purpose, const AnyListen& listen,
             Transport transport) {
    const auto other = ports_.claim(transport, listen.ip, listen.port, purpose);
    if (!other) return true;
    report_.fault(path, *other == purpose
                            ? fmt::format("{} {} is there twice", purpose, listen.port)
                            : fmt::format("{} {} conflicts with {}", purpose, listen.port, *other));
    return false;
  }

  // The same address twice is one listener, and so is one that a wildcard covers.
  void add(std::vector<Listen>& to, const std::string& path, const std::string& purpose,
           const Listen& listen) {
    const auto overlaps = [&](const Listen& other) {
      return other.port == listen.port && addresses_overlap(other.ip, listen.ip);
    };
    const auto first = std::ranges::find_if(to, overlaps);
    if (first != to.end()) {
      Listen with_its_ip = listen;
      with_its_ip.ip = first->ip;
      if (with_its_ip != *first) {
        return report_.fault(
            path, fmt::format("{} {} is there twice with different options", purpose, listen.port));
      }
      if (first->ip == listen.ip || first->ip == kAnyV4 || first->ip == kAnyV6) return;
      std::erase_if(to, overlaps);
      to.push_back(listen);
      return;
    }
    if (!claim(path, purpose, listen, Transport::kTcp)) return;
    if (listen.http3 && !claim(path, purpose, listen, Transport::kUdp)) return;
    to.push_back(listen);
  }

  // With its [::] twin when the address is the default and enable_ipv6 is set.
  void add_with_twin(std::vector<Listen>& to, const std::string& path, const std::string& purpose,
                     Listen listen, bool any_address) {
    add(to, path, purpose, listen);
    if (!any_address || !settings_.apisix.enable_ipv6) return;
    listen.ip = kAnyV6;
    add(to, path, purpose, listen);
  }

  void refuse_enable_http2(const std::string& path, const Json& entry) {
    if (format::find_member(entry, "enable_http2").isNull()) return;
    report_.fault(path + ".enable_http2",
                  "port level enable_http2 was removed in 3.9, use apisix.enable_http2 instead");
  }

  // One element of node_listen or ssl.listen that is a map.
  void read_entry(std::vector<Listen>& to, const std::string& path, const std::string& purpose,
                  const Json& entry, Listen listen) {
    refuse_enable_http2(path, entry);
    const Json& ip = format::find_member(entry, "ip");
    const Json& port = format::find_member(entry, "port");
    if (!port.isNull()) {
      const auto number = port_number(port);
      if (!number) return;  // reported by check_keys()
      listen.port = *number;
    }
    if (ip.isString()) {
      const auto numeric = numeric_ip(format::string_of(ip));
      if (!numeric) return report_.expected(path + ".ip", "an IP address", ip);
      listen.ip = *numeric;
    }
    if (listen.tls) Section(entry).read_flag("enable_http3", listen.http3);
    add_with_twin(to, path, purpose, listen, ip.isNull());
  }

  void read_node_listen() {
    static constexpr const char* kPath = "apisix.node_listen";
    const Json& value = at_path(merged_, kPath);
    if (value.isArray()) {
      for (::Json::ArrayIndex i = 0; i < value.size(); ++i)
        read_node_element(fmt::format("{}[{}]", kPath, i), value[i]);
    } else if (!value.isNull()) {
      read_node_element(kPath, value);
    }
  }

  void read_node_element(const std::string& path, const Json& value) {
    const Listen listen{.port = 9080, .http2 = settings_.apisix.enable_http2};
    auto& to = settings_.apisix.node_listen;
    if (value.isObject() && path.ends_with(']'))
      return read_entry(to, path, "http listen port", value, listen);
    const auto port = port_number(value);
    if (!port) return report_.expected(path, "a port from 1 to 65535 or {ip, port}", value);
    Listen plain = listen;
    plain.port = *port;
    add_with_twin(to, path, "http listen port", plain, true);
  }

  void read_ssl_listen() {
    if (!settings_.apisix.ssl.enable) return;
    const Json& value = at_path(merged_, "apisix.ssl.listen");
    if (!value.isArray()) return;
    const Listen listen{.port = 9443, .tls = true, .http2 = settings_.apisix.enable_http2};
    for (::Json::ArrayIndex i = 0; i < value.size(); ++i) {
      read_entry(settings_.apisix.ssl.listen, fmt::format("apisix.ssl.listen[{}]", i), "https listen port",
                 value[i], listen);
    }
  }

  void read_proxy_protocol() {
    const Section options(at_path(merged_, "apisix.proxy_protocol"));
    const bool http2 = settings_.apisix.enable_http2;
    if (const auto port = port_number(options.at("listen_http_port"))) {
      const Listen listen{.port = *port, .http2 = http2, .proxy_protocol = true};
      add_with_twin(settings_.apisix.node_listen, "apisix.proxy_protocol.listen_http_port",
                    "PROXY protocol listen port", listen, true);
    }
    const auto port = port_number(options.at("listen_https_port"));
    if (port && settings_.apisix.ssl.enable) {
      const Listen listen{.port = *port, .tls = true, .http2 = http2, .proxy_protocol = true};
      add_with_twin(settings_.apisix.ssl.listen, "apisix.proxy_protocol.listen_https_port",
                    "PROXY protocol listen port", listen, true);
    }
  }

  void read_streams() {
    const Section options(at_path(merged_, "apisix.proxy_protocol"));
    StreamListen defaults;
    options.read_flag("enable_tcp_pp", defaults.proxy_protocol);
    options.read_flag("enable_tcp_pp_to_upstream", defaults.proxy_protocol_to_upstream);
    const Section streams(at_path(merged_, "apisix.stream_proxy"));
    const Json& tcp = streams.at("tcp");
    for (::Json::ArrayIndex i = 0; tcp.isArray() && i < tcp.size(); ++i) {
      read_tcp_entry(fmt::format("apisix.stream_proxy.tcp[{}]", i), tcp[i], defaults);
    }
    const Json& udp = streams.at("udp");
    for (::Json::ArrayIndex i = 0; udp.isArray() && i < udp.size(); ++i) {
      add_streams(settings_.apisix.stream_proxy.udp, fmt::format("apisix.stream_proxy.udp[{}]", i), udp[i],
                  {.udp = true});
    }
  }

  void read_tcp_entry(const std::string& path, const Json& entry, StreamListen listen) {
    auto& to = settings_.apisix.stream_proxy.tcp;
    if (!entry.isObject()) return add_streams(to, path, entry, listen);
    const Section options(entry);
    options.read_flag("tls", listen.tls);
    options.read_flag("proxy_protocol", listen.proxy_protocol);
    options.read_flag("proxy_protocol_to_upstream", listen.proxy_protocol_to_upstream);
    add_streams(to, path + ".addr", options.at("addr"), listen);
  }

  // "9100", "127.0.0.1:9100", "[::1]:9100", "2000-2100", "127.0.0.1:2000-2100" or a number.
  void add_streams(std::vector<StreamListen>& to, const std::string& path, const Json& address,
                   StreamListen listen) {
    std::string text = address.isString() ? format::string_of(address) : std::string();
    if (address.isIntegral()) text = format::to_json(address);
    if (text.empty())
      return report_.expected(path, "a port, ip:port or a range of ports such as 2000-2100", address);
    std::string_view ports = text;
    if (const auto colon = text.rfind(':'); colon != text.npos) {
      const auto ip = numeric_ip(std::string_view(text).substr(0, colon));
      if (!ip) return report_.expected(path, "ip:port", address);
      listen.ip = *ip;
      ports = ports.substr(colon + 1);
    }
    add_port_range(to, path, ports, listen);
  }

  void add_port_range(std::vector<StreamListen>& to, const std::string& path, std::string_view ports,
                      StreamListen listen) {
    const auto dash = ports.find('-');
    const std::string_view first_text = ports.substr(0, dash);
    const std::string_view last_text = dash == ports.npos ? first_text : ports.substr(dash + 1);
    if (ports.empty()) return report_.fault(path, "missing port");
    const auto first = base::parse_integer<std::int64_t>(first_text);
    const auto last = base::parse_integer<std::int64_t>(last_text);
    if (!first || !last) return report_.fault(path, fmt::format("invalid port format: \"{}\"", ports));
    for (const auto port : {*first, *last}) {
      if (port < 1 || port > 65535)
        return report_.fault(path, fmt::format("port out of range (1-65535): {}", port));
    }
    if (*first > *last)
      return report_.fault(path, fmt::format("invalid port range (start > end): {}", ports));
    const std::string purpose = fmt::format("stream {} port", listen.udp ? "udp" : "tcp");
    for (std::int64_t port = *first; port <= *last; ++port) {
      listen.port = static_cast<std::uint16_t>(port);
      // One report for a range is enough.
      if (!claim(path, purpose, listen, listen.udp ? Transport::kUdp : Transport::kTcp)) return;
      to.push_back(listen);
    }
  }

  const Json& merged_;
  Settings& settings_;
  Report& report_;
  PortTable ports_;
};

}  // namespace

void read_listeners(const Json& merged, Settings& settings, Report& report) {
  ListenerReader(merged, settings, report).read_all();
}

}  // namespace apisix::settings
