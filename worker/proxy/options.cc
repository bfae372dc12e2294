#include "worker/proxy/options.h"

#include <limits>

#include "shared/base/text.h"
#include "shared/settings/settings.h"
#include "worker/limits.h"

namespace apisix::proxy {
namespace {

constexpr std::string_view kServerToken = "APISIX";
constexpr std::string_view kServerTokens =
    "APISIX/3.18.0";  // the version that this gateway is compatible with

std::uint64_t unsigned_of(std::int64_t value) {
  return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

}  // namespace

Options Options::from(const settings::Settings& settings) {
  const auto& http = settings.nginx_config.http;
  const auto& apisix = settings.apisix;
  Options options;
  options.connections_max = unsigned_of(settings.nginx_config.event.worker_connections);
  options.keepalive_timeout_ms = unsigned_of(http.keepalive_timeout_ms);
  options.client_header_timeout_ms = unsigned_of(http.client_header_timeout_ms);
  options.client_body_timeout_ms = unsigned_of(http.client_body_timeout_ms);
  options.send_timeout_ms = unsigned_of(http.send_timeout_ms);
  options.client_max_body_bytes = unsigned_of(http.client_max_body_bytes);
  const auto post_args = unsigned_of(settings.apisix.max_post_args_readable_bytes);
  options.max_post_args_readable_bytes = post_args > 0 ? post_args : std::numeric_limits<std::size_t>::max();
  options.client_body_min_rate_bytes_per_s = unsigned_of(http.client_body_min_rate_bytes_per_s);
  options.held_bodies_bytes_max = unsigned_of(http.held_bodies_bytes_max);
  options.upstream_keepalive.idle_connections_max =
      static_cast<std::uint32_t>(unsigned_of(http.upstream.keepalive));
  options.upstream_keepalive.requests_max =
      static_cast<std::uint32_t>(unsigned_of(http.upstream.keepalive_requests));
  options.upstream_keepalive.idle_timeout_ms = unsigned_of(http.upstream.keepalive_timeout_ms);
  options.server_header =
      http::FieldLine(http::KnownHeader::kServer, apisix.enable_server_tokens ? kServerTokens : kServerToken);
  if (http.charset != "off") options.charset = Charset(http.charset);
  options.delete_uri_tail_slash = apisix.delete_uri_tail_slash;
  options.normalize_uri_like_servlet = apisix.normalize_uri_like_servlet;
  options.match_uri_encoded_slash = apisix.match_uri_encoded_slash;
  options.show_upstream_status = apisix.show_upstream_status_in_response_header;
  options.underscores_in_headers = http.underscores_in_headers;
  options.ignore_invalid_headers = http.ignore_invalid_headers;
  options.trusted_addresses = apisix.trusted_addresses;
  options.real_ip_header = base::to_lower(http.real_ip_header);
  options.real_ip_header_id = http::identify_header(options.real_ip_header);
  options.real_ip_recursive = http.real_ip_recursive;
  options.real_ip_from = http.real_ip_from.networks;
  return options;
}

http::RequestLimits Options::request_limits() const {
  return {.header_count_max = limits::kRequestHeadersMax,
          .header_line_bytes_max = limits::kHeaderLineBytesMax,
          .request_line_bytes_max = limits::kRequestLineBytesMax,
          .head_bytes_max = limits::kRequestHeadBytesMax,
          .underscores_in_headers = underscores_in_headers,
          .ignore_invalid_headers = ignore_invalid_headers};
}

}  // namespace apisix::proxy
