// Options: the part of config.yaml that the request path reads, in the form it reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/ip.h"
#include "shared/http/field_line.h"
#include "shared/http/h1/request_parser.h"
#include "worker/proxy/charset.h"
#include "worker/upstream/keepalive_limits.h"

namespace apisix::settings {
struct Settings;
}

namespace apisix::proxy {

struct Options {
  std::uint64_t connections_max = 10620;        // of one worker, to clients and to upstreams
  std::uint64_t keepalive_timeout_ms = 60'000;  // 0 = no keepalive
  std::uint64_t client_header_timeout_ms = 60'000;
  std::uint64_t client_body_timeout_ms = 60'000;
  std::uint64_t send_timeout_ms = 10'000;
  std::uint64_t client_max_body_bytes = 0;  // 0 = no limit
  std::size_t max_post_args_readable_bytes = 1 << 20;
  std::uint64_t client_body_min_rate_bytes_per_s = 0;
  std::size_t held_bodies_bytes_max = std::size_t{256} << 20;
  upstream::KeepaliveLimits upstream_keepalive;

  // "APISIX/3.18.0", or "APISIX" without server tokens.
  http::FieldLine server_header{http::KnownHeader::kServer, {}};
  Charset charset;  // added to textual types
  bool delete_uri_tail_slash = false;
  bool normalize_uri_like_servlet = false;
  bool match_uri_encoded_slash = false;
  bool show_upstream_status = false;
  bool underscores_in_headers = true;
  bool ignore_invalid_headers = false;

  std::optional<std::vector<base::Cidr>> trusted_addresses;  // none: not configured
  std::string real_ip_header;  // lower case; "proxy_protocol": the PROXY header of the connection
  // The same as a number. Of X-Forwarded-For all fields are one list.
  http::KnownHeader real_ip_header_id = http::KnownHeader::kUnknown;
  bool real_ip_recursive = false;
  std::vector<base::Cidr> real_ip_from;

  static Options from(const settings::Settings& settings);
  http::RequestLimits request_limits() const;
};

}  // namespace apisix::proxy
