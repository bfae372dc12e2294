#include "shared/net/proxy_tlv.h"

#include <gtest/gtest.h>

namespace apisix::net {
namespace {

using std::string_literals::operator""s;

std::string tlv(char type, const std::string& value) {
  return std::string{type, static_cast<char>(value.size() >> 8), static_cast<char>(value.size() & 0xff)} +
         value;
}

std::string read(std::string_view tlvs, std::string_view name) {
  return find_proxy_tlv(tlvs, name).value_or("(none)");
}

const std::string kSsl =
    tlv('\x20', "\x07\0\0\x01\x02"s + tlv('\x21', "TLSv1.3") + tlv('\x22', "client one") +
                    tlv('\x23', "TLS_AES_128_GCM_SHA256") + tlv('\x24', "SHA256") + tlv('\x25', "RSA2048"));
const std::string kAll = tlv('\x01', "h2") + tlv('\x02', "a.test") + tlv('\x05', "id\0x"s) + kSsl +
                         tlv('\x30', "blue") + tlv('\xea', std::string(300, 'v'));

TEST(ProxyTlvTest, IsFoundByNameOrType) {
  EXPECT_EQ(read(kAll, "alpn"), "h2");
  EXPECT_EQ(read(kAll, "authority"), "a.test");
  EXPECT_EQ(read(kAll, "unique_id"), "id\0x"s);
  EXPECT_EQ(read(kAll, "netns"), "blue");
  EXPECT_EQ(read(kAll, "ssl"), kSsl.substr(3));
  EXPECT_EQ(read(kAll, "0x02"), "a.test");
  EXPECT_EQ(read(kAll, "0x2"), "a.test");
  EXPECT_EQ(read(kAll, "0xea"), std::string(300, 'v'));
  EXPECT_EQ(read(kAll, "0xEA"), std::string(300, 'v'));
}

TEST(ProxyTlvTest, FieldsInsideOfSslHaveItsPrefix) {
  EXPECT_EQ(read(kAll, "ssl_version"), "TLSv1.3");
  EXPECT_EQ(read(kAll, "ssl_cn"), "client one");
  EXPECT_EQ(read(kAll, "ssl_cipher"), "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(read(kAll, "ssl_sig_alg"), "SHA256");
  EXPECT_EQ(read(kAll, "ssl_key_alg"), "RSA2048");
  EXPECT_EQ(read(kAll, "ssl_0x21"), "TLSv1.3");
  EXPECT_EQ(read(kAll, "ssl_verify"), "258");
  EXPECT_EQ(read(tlv('\x20', std::string(5, '\0')), "ssl_verify"), "0");
}

TEST(ProxyTlvTest, WhatIsNotThereIsNone) {
  for (const char* name :
       {"", "x", "0x", "0xzz", "0x02 ", "0x103", "02", "ssl_", "ssl_alpn", "alpn_", "0x99999999999"})
    EXPECT_EQ(read(kAll, name), "(none)") << name;
  EXPECT_EQ(read("", "alpn"), "(none)");
  EXPECT_EQ(read(tlv('\x02', "a.test"), "ssl_verify"), "(none)");
  EXPECT_EQ(read(tlv('\x20', "1234"), "ssl_verify"), "(none)");
}

TEST(ProxyTlvTest, WhatIsCutOffIsNone) {
  const std::string two = tlv('\x01', "h2") + tlv('\x02', "a.test");
  EXPECT_EQ(read(two.substr(0, two.size() - 1), "alpn"), "h2");
  for (std::size_t size = 5; size < two.size(); ++size)
    EXPECT_EQ(read(two.substr(0, size), "authority"), "(none)") << size;
}

}  // namespace
}  // namespace apisix::net
