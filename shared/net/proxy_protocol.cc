#include "shared/net/proxy_protocol.h"

#include <algorithm>
#include <cstring>

#include <netinet/in.h>

#include "shared/base/text.h"

namespace apisix::net {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kLineStart = "PROXY ";
constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;

// The second byte of a binary head's last four.
constexpr std::uint8_t kTcpOverIpv4 = 0x11;
constexpr std::uint8_t kTcpOverIpv6 = 0x21;
constexpr std::uint8_t kFamilyMax = 3;     // AF_UNIX
constexpr std::uint8_t kTransportMax = 2;  // DGRAM

std::uint16_t number_at(const char* at) {
  return static_cast<std::uint16_t>(static_cast<std::uint8_t>(at[0]) << 8 | static_cast<std::uint8_t>(at[1]));
}

base::IpAddress ip_at(const char* at, bool is_v4) {
  sockaddr_storage address{};
  if (is_v4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, at, sizeof v4.sin_addr);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, at, sizeof v6.sin6_addr);
  }
  return base::IpAddress::of(address);
}

// Takes what stands in front of the next space, of which there is exactly one between fields.
std::string_view next_field(std::string_view& line) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string_view field = line.substr(0, space);
  line.remove_prefix(std::min(space + 1, line.size()));
  return field;
}

bool read_ip(std::string_view text, bool is_v4, base::IpAddress& into) {
  const bool looks_v4 = text.find(':') == std::string_view::npos;
  if (looks_v4 != is_v4 || text.starts_with('[')) return false;
  const auto ip = base::IpAddress::parse(text);
  if (ip) into = *ip;
  return ip.has_value();
}

bool read_port(std::string_view text, std::uint16_t& into) {
  const auto port = base::parse_integer<std::uint16_t>(text);
  if (port) into = *port;
  return port.has_value();
}

}  // namespace

ProxyProtocolReader::Result ProxyProtocolReader::refuse(const char* why) {
  error_ = why;
  return Result::kMalformed;
}

ProxyProtocolReader::Taken ProxyProtocolReader::feed(std::string_view bytes) {
  if (bytes.empty()) return {};
  const char first = kept_bytes_ > 0 ? kept_[0] : bytes.front();
  if (first == kLineStart[0]) return feed_line(bytes);
  if (first == kSignature[0]) return feed_binary(bytes);
  return {refuse("it does not begin as one"), 0};
}

ProxyProtocolReader::Taken ProxyProtocolReader::feed_line(std::string_view bytes) {
  const std::size_t room = kept_.size() - kept_bytes_;
  const std::size_t end = bytes.substr(0, room).find('\n');
  const std::size_t taken = end == std::string_view::npos ? std::min(bytes.size(), room) : end + 1;
  bytes.copy(kept_.data() + kept_bytes_, taken);
  kept_bytes_ = static_cast<std::uint8_t>(kept_bytes_ + taken);
  // Another protocol is refused at once and not when its line ends.
  const std::size_t compared = std::min<std::size_t>(kept_bytes_, kLineStart.size());
  if (kLineStart.substr(0, compared) != std::string_view(kept_.data(), compared))
    return {refuse("it does not begin as one"), taken};
  if (end != std::string_view::npos) return {read_line(), taken};
  if (kept_bytes_ == kept_.size()) return {refuse("the line is too long"), taken};
  return {Result::kNeedMore, taken};
}

// "PROXY TCP4 192.0.2.1 198.51.100.1 40000 443\r\n", TCP6, or "PROXY UNKNOWN ...\r\n".
ProxyProtocolReader::Result ProxyProtocolReader::read_line() {
  std::string_view line(kept_.data(), kept_bytes_);
  if (!line.ends_with("\r\n")) return refuse("the line does not end in CR LF");
  line.remove_suffix(2);
  line.remove_prefix(kLineStart.size());
  const std::string_view protocol = next_field(line);
  // Whatever follows has to be ignored.
  if (protocol == "UNKNOWN") return Result::kComplete;
  if (protocol != "TCP4" && protocol != "TCP6") return refuse("the protocol is unknown");
  const bool is_v4 = protocol == "TCP4";
  ProxiedAddresses read;
  if (!read_ip(next_field(line), is_v4, read.client) || !read_ip(next_field(line), is_v4, read.server))
    return refuse("an address is none");
  const std::string_view client_port = next_field(line);
  if (!read_port(client_port, read.client_port) || !read_port(line, read.server_port))
    return refuse("a port is none");
  addresses_ = read;
  return Result::kComplete;
}

ProxyProtocolReader::Taken ProxyProtocolReader::feed_binary(std::string_view bytes) {
  std::size_t taken = 0;
  const auto keep_up_to = [&](std::size_t wanted) {
    if (kept_bytes_ >= wanted) return;
    const std::size_t part = std::min(wanted - kept_bytes_, bytes.size() - taken);
    bytes.copy(kept_.data() + kept_bytes_, part, taken);
    kept_bytes_ = static_cast<std::uint8_t>(kept_bytes_ + part);
    taken += part;
  };
  if (!has_binary_head_) {
    keep_up_to(kBinaryHeadBytes);
    const std::size_t compared = std::min<std::size_t>(kept_bytes_, kSignatureBytes);
    if (kSignature.substr(0, compared) != std::string_view(kept_.data(), compared))
      return {refuse("it does not begin as one"), taken};
    if (kept_bytes_ < kBinaryHeadBytes) return {Result::kNeedMore, taken};
    if (read_binary_head() == Result::kMalformed) return {Result::kMalformed, taken};
  }
  const std::size_t before = taken;
  const std::size_t unread =
      kBinaryHeadBytes + std::min<std::size_t>(kAddressBytesMax, number_at(&kept_[14]));
  keep_up_to(unread);
  body_bytes_left_ = static_cast<std::uint16_t>(body_bytes_left_ - (taken - before));
  const std::size_t behind = std::min<std::size_t>(body_bytes_left_, bytes.size() - taken);
  if (address_bytes() > 0) tlvs_ += bytes.substr(taken, behind);
  body_bytes_left_ = static_cast<std::uint16_t>(body_bytes_left_ - behind);
  taken += behind;
  if (body_bytes_left_ > 0) return {Result::kNeedMore, taken};
  return {read_binary_addresses(), taken};
}

ProxyProtocolReader::Result ProxyProtocolReader::read_binary_head() {
  const auto version_and_command = static_cast<std::uint8_t>(kept_[12]);
  const auto family_and_transport = static_cast<std::uint8_t>(kept_[13]);
  if (version_and_command >> 4 != 2) return refuse("the version is not 2");
  if ((version_and_command & 0x0f) > 1) return refuse("the command is unknown");
  if (family_and_transport >> 4 > kFamilyMax || (family_and_transport & 0x0f) > kTransportMax)
    return refuse("the protocol is unknown");
  body_bytes_left_ = number_at(&kept_[14]);
  if (kBinaryHeadBytes + body_bytes_left_ > kHeaderBytesMax) return refuse("it is too long");
  has_binary_head_ = true;
  return Result::kNeedMore;
}

std::size_t ProxyProtocolReader::address_bytes() const {
  const bool is_local = (static_cast<std::uint8_t>(kept_[12]) & 0x0f) == 0;
  const auto protocol = static_cast<std::uint8_t>(kept_[13]);
  if (is_local || (protocol != kTcpOverIpv4 && protocol != kTcpOverIpv6)) return 0;
  return protocol == kTcpOverIpv4 ? 2 * 4 + 4 : kAddressBytesMax;
}

ProxyProtocolReader::Result ProxyProtocolReader::read_binary_addresses() {
  const std::size_t bytes = address_bytes();
  if (bytes == 0) return Result::kComplete;
  if (kept_bytes_ < kBinaryHeadBytes + bytes) return refuse("the addresses are cut off");
  const bool is_v4 = bytes < kAddressBytesMax;
  const std::size_t ip_bytes = is_v4 ? 4 : 16;
  const char* const at = kept_.data() + kBinaryHeadBytes;
  addresses_ = ProxiedAddresses{.client = ip_at(at, is_v4),
                                .server = ip_at(at + ip_bytes, is_v4),
                                .client_port = number_at(at + 2 * ip_bytes),
                                .server_port = number_at(at + 2 * ip_bytes + 2)};
  tlvs_.insert(0, at + bytes, kept_bytes_ - kBinaryHeadBytes - bytes);
  return Result::kComplete;
}

}  // namespace apisix::net
