// ProxyProtocolReader: the header that a load balancer sends in front of a connection it passes on (the PROXY
// protocol by HAProxy, versions 1 and 2): who connected to it, and where. Takes bytes as they come, in any
// pieces, and says how many of them are the header's: what follows is the connection's own.
//
//   reading --last byte--> complete
//      `------any other--> malformed: nothing of the connection may be used
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "shared/base/ip.h"

namespace apisix::net {

// Of the connection that the load balancer accepted.
struct ProxiedAddresses {
  base::IpAddress client;
  base::IpAddress server;
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;
};

class ProxyProtocolReader {
 public:
  // Of version 1, its CR LF included; what the protocol's text says.
  static constexpr std::size_t kLineBytesMax = 107;
  // Of version 2, as in nginx. Addresses take 36 bytes, the rest are TLVs: a balancer adds some hundred bytes
  // (names of its certificates, ids of networks).
  static constexpr std::size_t kHeaderBytesMax = 4096;

  enum class Result : std::uint8_t { kNeedMore, kComplete, kMalformed };
  struct Taken {
    Result result = Result::kNeedMore;
    std::size_t bytes = 0;  // of what was fed: the header's; with kNeedMore all of it
  };

  Taken feed(std::string_view bytes);

  bool has_begun() const { return kept_bytes_ > 0; }
  // Once complete. Nothing: the connection is the sender's own (LOCAL, as health checks are), its protocol is
  // UNKNOWN, or its addresses are none of IPv4 and IPv6 over TCP.
  const std::optional<ProxiedAddresses>& addresses() const { return addresses_; }
  // Once complete, with addresses: the bytes behind them (proxy_tlv.h). To be taken once.
  std::string take_tlvs() { return std::move(tlvs_); }
  // Once malformed, for logs.
  const char* error() const { return error_; }

 private:
  static constexpr std::size_t kSignatureBytes = 12;
  static constexpr std::size_t kBinaryHeadBytes = 16;
  static constexpr std::size_t kAddressBytesMax = 36;  // of those that are read

  Taken feed_line(std::string_view bytes);
  Taken feed_binary(std::string_view bytes);
  Result read_line();
  Result read_binary_head();
  Result read_binary_addresses();
  Result refuse(const char* why);
  // Of a binary head: of the addresses that are read; 0: none are.
  std::size_t address_bytes() const;

  // All of a line; of version 2 the head and the addresses.
  std::array<char, kLineBytesMax> kept_{};
  std::uint8_t kept_bytes_ = 0;
  std::uint16_t body_bytes_left_ = 0;  // of version 2, behind its head
  bool has_binary_head_ = false;
  const char* error_ = "";
  std::optional<ProxiedAddresses> addresses_;
  std::string tlvs_;
};

}  // namespace apisix::net
