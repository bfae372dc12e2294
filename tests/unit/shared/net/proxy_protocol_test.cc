// The header of both versions, whole and byte by byte: whose connection it is, and where it ends.
#include "shared/net/proxy_protocol.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::net {
namespace {

using Result = ProxyProtocolReader::Result;
using std::string_literals::operator""s;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

// Of version 2: `protocol` is family and transport, `body` addresses and TLVs.
std::string binary(char command, char protocol, const std::string& body) {
  return kSignature + command + protocol + static_cast<char>(body.size() >> 8) +
         static_cast<char>(body.size()) + body;
}

const std::string kIpv4 = "\xc0\0\2\1\xc6\x33\x64\2\x9c\x40\1\xbb"s;  // 192.0.2.1:40000 to 198.51.100.2:443
const std::string kIpv6 =
    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\x9c\x40\1\xbb"s;

std::string addresses_text(const ProxyProtocolReader& reader) {
  if (!reader.addresses()) return "none";
  const ProxiedAddresses& read = *reader.addresses();
  return read.client.to_string() + " " + std::to_string(read.client_port) + " " + read.server.to_string() +
         " " + std::to_string(read.server_port);
}

// Fed at once, with the connection's own bytes behind it, and byte by byte: both have to find the same.
std::string read(const std::string& header) {
  ProxyProtocolReader reader;
  const auto [result, bytes] = reader.feed(header + "GET / HTTP/1.1\r\n\r\n");
  ProxyProtocolReader slow;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const auto taken = slow.feed(header.substr(i, 1));
    if (taken.result == Result::kNeedMore && i + 1 < header.size()) continue;
    EXPECT_EQ(taken.result, result) << header;
    if (taken.result == Result::kComplete) EXPECT_EQ(i + 1, header.size());
    break;
  }
  if (result == Result::kMalformed) return "malformed: "s + reader.error();
  if (result == Result::kNeedMore) return "incomplete";
  EXPECT_EQ(bytes, header.size());
  EXPECT_EQ(addresses_text(slow), addresses_text(reader));
  return addresses_text(reader);
}

TEST(ProxyProtocol, LineNamesBothEnds) {
  EXPECT_EQ(read("PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n"), "192.0.2.1 40000 198.51.100.2 443");
  EXPECT_EQ(read("PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n"), "2001:db8::1 65535 2001:db8::2 0");
  EXPECT_EQ(read("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), "192.0.2.1 1 ::1 2");
}

TEST(ProxyProtocol, LineOfAnUnknownProtocolNamesNone) {
  EXPECT_EQ(read("PROXY UNKNOWN\r\n"), "none");
  EXPECT_EQ(read("PROXY UNKNOWN whatever 1 2 3\r\n"), "none");
}

TEST(ProxyProtocol, LineThatIsMalformedIsRefused) {
  const std::string long_line = "PROXY UNKNOWN " + std::string(107, 'x') + "\r\n";
  const std::string longest = "PROXY UNKNOWN " + std::string(107 - 16, 'x') + "\r\n";
  EXPECT_EQ(read(longest), "none");
  EXPECT_EQ(read(long_line), "malformed: the line is too long");
  EXPECT_EQ(read("PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\n"),
            "malformed: the line does not end in CR LF");
  EXPECT_EQ(read("PROXY TCP5 192.0.2.1 198.51.100.2 40000 443\r\n"), "malformed: the protocol is unknown");
  EXPECT_EQ(read("PROXY \r\n"), "malformed: the protocol is unknown");
  for (const char* addresses : {"2001:db8::1 198.51.100.2", "192.0.2 198.51.100.2", " 192.0.2.1 198.51.100.2",
                                "192.0.2.1  198.51.100.2", "a.test 198.51.100.2", "192.0.2.1 "}) {
    EXPECT_EQ(read("PROXY TCP4 "s + addresses + " 40000 443\r\n"), "malformed: an address is none")
        << addresses;
  }
  EXPECT_EQ(read("PROXY TCP6 192.0.2.1 ::1 1 2\r\n"), "malformed: an address is none");
  EXPECT_EQ(read("PROXY TCP6 [::1] ::1 1 2\r\n"), "malformed: an address is none");
  for (const char* ports : {"1", "1 ", "1  2", "65536 1", "-1 1", "1 x", "1 2 3", "1 2 "}) {
    EXPECT_EQ(read("PROXY TCP4 192.0.2.1 198.51.100.2 "s + ports + "\r\n"), "malformed: a port is none")
        << ports;
  }
}

TEST(ProxyProtocol, BinaryHeaderNamesBothEnds) {
  EXPECT_EQ(read(binary('\x21', '\x11', kIpv4)), "192.0.2.1 40000 198.51.100.2 443");
  EXPECT_EQ(read(binary('\x21', '\x21', kIpv6)), "2001:db8::1 40000 2001:db8::2 443");
}

TEST(ProxyProtocol, TlvsAreWhatIsBehindTheAddresses) {
  for (const auto& [protocol, addresses] : {std::pair('\x11', kIpv4), std::pair('\x21', kIpv6)}) {
    const std::string tlvs =
        "\x02\0\x06"
        "a.test\x04\0\x1e"s +
        std::string(30, 'x');
    const std::string header = binary('\x21', protocol, addresses + tlvs);
    for (std::size_t cut = 0; cut <= header.size(); ++cut) {
      ProxyProtocolReader reader;
      reader.feed(header.substr(0, cut));
      if (cut < header.size())
        EXPECT_EQ(reader.feed(header.substr(cut) + "behind it").result, Result::kComplete);
      EXPECT_EQ(reader.take_tlvs(), tlvs) << cut;
    }
  }
  ProxyProtocolReader local;
  EXPECT_EQ(local.feed(binary('\x20', '\x11', kIpv4 + "\x02\0\0"s)).result, Result::kComplete);
  EXPECT_EQ(local.take_tlvs(), "");
}

TEST(ProxyProtocol, TlvsDoNotChangeTheAddresses) {
  const std::string tlvs =
      "\x02\0\x06"
      "a.test"s +
      "\x04\0\x03\0\0\0"s;
  EXPECT_EQ(read(binary('\x21', '\x11', kIpv4 + tlvs)), "192.0.2.1 40000 198.51.100.2 443");
  EXPECT_EQ(read(binary('\x21', '\x11', kIpv4 + std::string(3000, 'x'))), "192.0.2.1 40000 198.51.100.2 443");
}

TEST(ProxyProtocol, WhatIsNotTcpOverIpNamesNone) {
  EXPECT_EQ(read(binary('\x20', '\0', "")), "none");                        // LOCAL
  EXPECT_EQ(read(binary('\x20', '\x11', kIpv4)), "none");                   // LOCAL; the rest does not count
  EXPECT_EQ(read(binary('\x21', '\0', "whatever")), "none");                // unspecified
  EXPECT_EQ(read(binary('\x21', '\x12', kIpv4)), "none");                   // UDP
  EXPECT_EQ(read(binary('\x21', '\x31', std::string(216, '\0'))), "none");  // unix
}

TEST(ProxyProtocol, BinaryHeaderThatIsMalformedIsRefused) {
  EXPECT_EQ(read(binary('\x11', '\x11', kIpv4)), "malformed: the version is not 2");
  EXPECT_EQ(read(binary('\x22', '\x11', kIpv4)), "malformed: the command is unknown");
  EXPECT_EQ(read(binary('\x21', '\x41', kIpv4)), "malformed: the protocol is unknown");
  EXPECT_EQ(read(binary('\x21', '\x13', kIpv4)), "malformed: the protocol is unknown");
  EXPECT_EQ(read(binary('\x21', '\x11', kIpv4.substr(1))), "malformed: the addresses are cut off");
  EXPECT_EQ(read(binary('\x21', '\x21', kIpv4)), "malformed: the addresses are cut off");
  EXPECT_EQ(read(binary('\x21', '\x11', "")), "malformed: the addresses are cut off");
  EXPECT_EQ(read(binary('\x21', '\x11', kIpv4 + std::string(4080 - 12, 'x'))),
            "192.0.2.1 40000 198.51.100.2 443");
  EXPECT_EQ(read(binary('\x21', '\x11', kIpv4 + std::string(4081 - 12, 'x'))), "malformed: it is too long");
}

TEST(ProxyProtocol, AnotherProtocolIsRefusedAtItsFirstBytes) {
  for (const char* bytes :
       {"GET / HTTP/1.1\r\n", "PRI * HTTP/2.0", "PROXYX", "proxy TCP4", "\r\nGET", "\x16\x03\x01"}) {
    ProxyProtocolReader reader;
    EXPECT_EQ(reader.feed(bytes).result, Result::kMalformed) << bytes;
    EXPECT_STREQ(reader.error(), "it does not begin as one");
  }
}

TEST(ProxyProtocol, NothingOfTheConnectionIsTaken) {
  ProxyProtocolReader reader;
  EXPECT_FALSE(reader.has_begun());
  EXPECT_EQ(reader.feed("").result, Result::kNeedMore);
  const auto first = reader.feed("PROXY UNKNOWN\r");
  EXPECT_EQ(first.result, Result::kNeedMore);
  EXPECT_EQ(first.bytes, 14u);
  EXPECT_TRUE(reader.has_begun());
  const auto last = reader.feed("\n\nx");
  EXPECT_EQ(last.result, Result::kComplete);
  EXPECT_EQ(last.bytes, 1u);
}

}  // namespace
}  // namespace apisix::net
