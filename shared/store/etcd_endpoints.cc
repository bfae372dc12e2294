#include "shared/store/etcd_endpoints.h"

#include <algorithm>

#include <fmt/format.h>

#include "shared/base/text.h"

namespace apisix::store {
namespace {

constexpr std::uint16_t kEtcdPort = 2379;

base::Result<std::uint16_t> parse_port(std::string_view text, std::string_view url) {
  const auto number = base::parse_integer<std::uint32_t>(text);
  if (!number || *number < 1 || *number > 65535) {
    return base::invalid(fmt::format("etcd endpoint {}: \"{}\" is no port", url, text));
  }
  return static_cast<std::uint16_t>(*number);
}

// "[::1]:2379", "host:2379", "host"
base::Result<EtcdAddress> parse_authority(std::string_view text, std::string_view url) {
  EtcdAddress out{.tls = false, .host = {}, .port = kEtcdPort};
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return base::invalid(fmt::format("etcd endpoint {}: no \"]\"", url));
    out.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!text.empty() && !text.starts_with(':'))
      return base::invalid(fmt::format("etcd endpoint {}: expected a port behind \"]\"", url));
    port = text.empty() ? text : text.substr(1);
  } else {
    const std::size_t colon = text.rfind(':');
    out.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
  }
  if (out.host.empty()) return base::invalid(fmt::format("etcd endpoint {}: it names no host", url));
  if (port.empty()) return out;
  const auto number = parse_port(port, url);
  if (!number) return std::unexpected(number.error());
  out.port = *number;
  return out;
}

}  // namespace

base::Result<EtcdAddress> parse_etcd_address(std::string_view url) {
  std::string_view rest = url;
  const bool tls = rest.starts_with("https://");
  if (!tls && !rest.starts_with("http://")) {
    return base::invalid(fmt::format("malformed etcd endpoint: {}, expected http:// or https://", url));
  }
  rest.remove_prefix(tls ? 8 : 7);
  auto out = parse_authority(rest.substr(0, rest.find('/')), url);
  if (out) out->tls = tls;
  return out;
}

EtcdEndpoints::EtcdEndpoints(std::size_t count, std::size_t first, std::uint64_t rest_ms)
    : rests_until_ms_(count, 0), current_(first % count), rest_ms_(rest_ms) {}

std::size_t EtcdEndpoints::pick(std::uint64_t now_ms) {
  std::size_t best = current_;
  for (std::size_t i = 0; i < size(); ++i) {
    const std::size_t index = (current_ + i) % size();
    if (rests_until_ms_[index] <= now_ms) return current_ = index;
    if (rests_until_ms_[index] < rests_until_ms_[best]) best = index;
  }
  return current_ = best;
}

bool EtcdEndpoints::mark_failed(std::size_t index, std::uint64_t now_ms) {
  const bool was_usable = rests_until_ms_[index] <= now_ms;
  rests_until_ms_[index] = now_ms + rest_ms_ + 1;
  return was_usable;
}

void EtcdEndpoints::mark_replied(std::size_t index) {
  rests_until_ms_[index] = 0;
}

}  // namespace apisix::store
