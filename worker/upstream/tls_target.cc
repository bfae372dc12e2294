#include "worker/upstream/tls_target.h"

#include "shared/base/sip_hash.h"

namespace apisix::upstream {

std::uint64_t TlsTarget::identity() const {
  static const base::SipKey key = base::SipKey::random();
  const std::uint64_t of_name = base::sip_hash_13(server_name, key).low;
  // Two of a few values, which are no client's to choose.
  const std::uint64_t mixed = of_name ^ (context->serial() * 0x9e3779b97f4a7c15U) ^ (alpn.size() << 56);
  return mixed != 0 ? mixed : 1;
}

std::string_view server_name_of(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end == std::string_view::npos ? host.substr(1) : host.substr(1, end - 1);
  }
  // More than one colon: an address without brackets.
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(':') == colon) host = host.substr(0, colon);
  if (host.ends_with('.')) host.remove_suffix(1);  // RFC 6066 3
  return host;
}

}  // namespace apisix::upstream
