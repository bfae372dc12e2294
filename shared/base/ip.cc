#include "shared/base/ip.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "shared/base/text.h"

namespace apisix::base {
namespace {

constexpr std::array<std::uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// The decimal text of an octet with a dot behind it.
struct Octet {
  std::array<char, 4> text;
  std::uint8_t bytes;
};

constexpr auto kOctets = [] {
  std::array<Octet, 256> out{};
  for (unsigned number = 0; number < out.size(); ++number) {
    Octet& octet = out[number];
    for (const unsigned unit : {100u, 10u, 1u}) {
      if (number >= unit || unit == 1)
        octet.text[octet.bytes++] = static_cast<char>('0' + number / unit % 10);
    }
    octet.text[octet.bytes++] = '.';
  }
  return out;
}();

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string_view given = text;
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (bracketed) text = text.substr(1, text.size() - 2);
  std::array<char, INET6_ADDRSTRLEN + 1> buffer{};
  if (!text.empty() && text.size() < buffer.size()) {
    std::copy(text.begin(), text.end(), buffer.begin());
    IpAddress address;
    if (!bracketed && ::inet_pton(AF_INET, buffer.data(), address.bytes_.data() + 12) == 1) {
      std::copy(kV4Prefix.begin(), kV4Prefix.end(), address.bytes_.begin());
      return address;
    }
    if (::inet_pton(AF_INET6, buffer.data(), address.bytes_.data()) == 1) return address;
  }
  return invalid("not an IP address: \"" + std::string(given) + "\"");
}

IpAddress IpAddress::of(const sockaddr_storage& address) {
  IpAddress out;
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    std::copy(kV4Prefix.begin(), kV4Prefix.end(), out.bytes_.begin());
    std::memcpy(out.bytes_.data() + 12, &v4.sin_addr, 4);
  } else if (address.ss_family == AF_INET6) {
    std::memcpy(out.bytes_.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  }
  return out;
}

bool IpAddress::is_v4() const {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes_.begin());
}

std::string IpAddress::to_string() const {
  std::array<char, kTextBytesMax> text;
  return {text.data(), write_text(text.data())};
}

std::size_t IpAddress::write_text(char* out) const {
  if (!is_v4()) {
    ::inet_ntop(AF_INET6, bytes_.data(), out, kTextBytesMax);
    return std::strlen(out);
  }
  // Each octet with its dot in four bytes; what is too much of one, the next one writes over.
  static_assert(kTextBytesMax >= 4 * sizeof(Octet::text));
  char* at = out;
  for (std::size_t i = 12; i < 16; ++i) {
    const Octet& octet = kOctets[bytes_[i]];
    std::memcpy(at, octet.text.data(), octet.text.size());
    at += octet.bytes;
  }
  return static_cast<std::size_t>(at - out) - 1;
}

socklen_t IpAddress::to_sockaddr(std::uint16_t port, sockaddr_storage& out) const {
  out = {};
  if (is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, bytes_.data() + 12, 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, bytes_.data(), 16);
  return sizeof v6;
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return invalid("not an IP address or CIDR: \"" + std::string(text) + "\"");
  Cidr out;
  out.network_ = *address;
  if (slash == std::string_view::npos) return out;
  const auto bits = parse_integer<unsigned>(text.substr(slash + 1));
  const unsigned most = address->is_v4() ? 32 : 128;
  if (!bits || *bits > most) return invalid("bad prefix length in CIDR \"" + std::string(text) + "\"");
  out.prefix_bits_ = static_cast<int>(*bits + (128 - most));
  return out;
}

bool Cidr::contains(const IpAddress& address) const {
  // "::/0" is every v6 address; a v4 address has a form inside it but is none of them.
  if (address.is_v4() && !network_.is_v4()) return false;
  const int whole = prefix_bits_ / 8;
  const auto& a = network_.bytes();
  const auto& b = address.bytes();
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const int rest = prefix_bits_ % 8;
  return rest == 0 || (a[whole] >> (8 - rest)) == (b[whole] >> (8 - rest));
}

std::uint16_t port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return 0;
}

}  // namespace apisix::base
