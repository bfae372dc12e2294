#include "shared/base/cidr_set.h"

#include <algorithm>

#include "shared/base/text.h"

namespace apisix::base {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

Bytes masked(Bytes bytes, int bits) {
  for (int i = 0; i < 16; ++i) {
    const int kept = std::clamp(bits - 8 * i, 0, 8);
    bytes[static_cast<std::size_t>(i)] &= static_cast<std::uint8_t>(0xff00 >> kept);
  }
  return bytes;
}

}  // namespace

Status CidrSet::add(std::string_view network) {
  const auto slash = network.find('/');
  const auto address = IpAddress::parse(network.substr(0, slash));
  if (!address || !Cidr::parse(network)) return invalid("invalid ip address: " + std::string(network));
  int bits = 128;
  if (slash != std::string_view::npos) {
    bits = *parse_integer<int>(network.substr(slash + 1)) + (address->is_v4() ? 96 : 0);
  }
  by_prefix_[{address->is_v4(), bits}].insert(masked(address->bytes(), bits));
  return {};
}

bool CidrSet::contains(const IpAddress& address) const {
  return std::ranges::any_of(by_prefix_, [&address](const auto& entry) {
    const auto& [length, networks] = entry;
    return length.is_v4 == address.is_v4() && networks.contains(masked(address.bytes(), length.bits));
  });
}

}  // namespace apisix::base
