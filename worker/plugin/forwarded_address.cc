#include "worker/plugin/forwarded_address.h"

#include "shared/base/text.h"

namespace apisix::plugin {

std::optional<ForwardedAddress> parse_forwarded_address(std::string_view text) {
  text = base::trim(text);
  const auto colon = text.rfind(':');
  const bool has_port =
      colon != std::string_view::npos &&
      (text.starts_with('[') ? colon > 0 && text[colon - 1] == ']' : text.find(':') == colon);
  const auto ip = base::IpAddress::parse(has_port ? text.substr(0, colon) : text);
  if (!ip) return std::nullopt;
  if (!has_port) return ForwardedAddress{*ip, std::nullopt};
  const auto port = base::parse_integer<std::uint16_t>(text.substr(colon + 1));
  if (!port || *port == 0) return std::nullopt;
  return ForwardedAddress{*ip, port};
}

}  // namespace apisix::plugin
