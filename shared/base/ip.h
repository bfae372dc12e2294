// IP addresses and CIDR blocks, v4 and v6 in one 16-byte form (v4 as ::ffff:a.b.c.d), so that a
// v4-mapped peer of a dual-stack socket matches v4 rules.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "shared/base/result.h"

namespace apisix::base {

class IpAddress {
 public:
  IpAddress() = default;
  // "192.0.2.1", "2001:db8::1", "[2001:db8::1]"; no zone ids.
  static Result<IpAddress> parse(std::string_view text);
  // From AF_INET or AF_INET6; anything else is the unspecified address.
  static IpAddress of(const sockaddr_storage& address);

  bool is_v4() const;
  std::string to_string() const;
  // The same into `out` (kTextBytesMax bytes), without a terminator; returns the length.
  static constexpr std::size_t kTextBytesMax = 46;
  std::size_t write_text(char* out) const;
  // As AF_INET or AF_INET6; returns the length used.
  socklen_t to_sockaddr(std::uint16_t port, sockaddr_storage& out) const;
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  bool operator==(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

class Cidr {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or a single address.
  static Result<Cidr> parse(std::string_view text);
  // A v6 block never contains a v4 address, however short its prefix.
  bool contains(const IpAddress& address) const;

  bool operator==(const Cidr&) const = default;

 private:
  IpAddress network_;
  int prefix_bits_ = 128;  // of the 16-byte form
};

std::uint16_t port_of(const sockaddr_storage& address);

}  // namespace apisix::base
