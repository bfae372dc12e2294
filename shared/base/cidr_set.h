// CidrSet: is an address in any of these networks? One look-up per distinct prefix length, however many
// networks.
#pragma once

#include <map>
#include <set>
#include <string_view>

#include "shared/base/ip.h"
#include "shared/base/result.h"

namespace apisix::base {

class CidrSet {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or a single address; the error is APISIX's "invalid ip address: x".
  Status add(std::string_view network);
  bool contains(const IpAddress& address) const;
  bool empty() const { return by_prefix_.empty(); }

 private:
  struct Length {
    bool is_v4;
    int bits;  // of the 16-byte form
    auto operator<=>(const Length&) const = default;
  };
  std::map<Length, std::set<std::array<std::uint8_t, 16>>> by_prefix_;
};

}  // namespace apisix::base
