// server_name_of(): the extension as clients send it, and every way to get it wrong.
#include "shared/net/tls_client_hello.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::net {
namespace {

std::string with_length(const std::string& bytes) {
  return std::string{static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size() & 0xff)} + bytes;
}

std::string extension(const std::string& name, char type = 0) {
  return with_length(type + with_length(name));
}

TEST(ServerNameOf, NameIsWhatTheClientSent) {
  EXPECT_EQ(server_name_of(extension("Test.com.")), "Test.com.");
  EXPECT_EQ(server_name_of(extension(std::string(255, 'a'))), std::string(255, 'a'));
}

TEST(ServerNameOf, AnythingElseIsMalformed) {
  const std::string good = extension("test.com");
  for (std::size_t bytes = 0; bytes < good.size(); ++bytes)
    EXPECT_EQ(server_name_of(good.substr(0, bytes)), std::nullopt) << bytes;
  EXPECT_EQ(server_name_of(good + "x"), std::nullopt);
  EXPECT_EQ(server_name_of(extension("test.com", 1)), std::nullopt);
  EXPECT_EQ(server_name_of(extension("")), std::nullopt);
  EXPECT_EQ(server_name_of(extension(std::string(256, 'a'))), std::nullopt);
  EXPECT_EQ(server_name_of(with_length(std::string{0} + with_length("a.com") + '\0' + with_length("b.com"))),
            std::nullopt);
}

TEST(ServerNameOf, NamesThatNoLogShouldHaveAreMalformed) {
  using std::string_literals::operator""s;
  for (const std::string& name : {"a\0b"s, "a\nb"s, " a"s, "\x7f"s, "\xc3\xa4.de"s})
    EXPECT_EQ(server_name_of(extension(name)), std::nullopt) << name;
}

}  // namespace
}  // namespace apisix::net
