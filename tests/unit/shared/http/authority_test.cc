#include "shared/http/authority.h"

#include <cstring>
#include <memory>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

constexpr std::string_view kInFront = "GET / HTTP/1.1\r\nHost: ";

// Behind other bytes and at the end of its memory, so that the sanitizer sees a read behind the end.
std::size_t find_plain(std::string_view authority, std::string_view in_front = kInFront) {
  const std::size_t size = in_front.size() + authority.size();
  const auto bytes = std::make_unique<char[]>(size);
  in_front.copy(bytes.get(), in_front.size());
  authority.copy(bytes.get() + in_front.size(), authority.size());
  return plain_host_bytes(bytes.get(), {bytes.get() + in_front.size(), authority.size()});
}

// Byte by byte, as the rules say it.
std::size_t find_plain_slowly(std::string_view authority) {
  const std::size_t size = std::min(authority.find(':'), authority.size());
  const std::string_view host = authority.substr(0, size);
  if (host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") != std::string_view::npos) return 0;
  return host.ends_with('.') || !is_valid_authority(authority) ? 0 : size;
}

TEST(Authority, PlainOnesAreFound) {
  EXPECT_EQ(find_plain("a"), 1u);
  EXPECT_EQ(find_plain("127.0.0.1:9080"), 9u);
  EXPECT_EQ(find_plain("www.example-1.com"), 17u);
  EXPECT_EQ(find_plain("www.example.com:"), 15u);
  EXPECT_EQ(find_plain("www.example.com:65535"), 15u);
  EXPECT_EQ(find_plain(std::string(100, 'a') + ":1"), 100u);
}

TEST(Authority, OthersAreLeftToTheLongWay) {
  for (const char* authority : {"",         ":80", "A.com", "a.com.", "a.com.:80", ".",         "..",
                                "a..b",     "a_b", "a%41",  "[::1]",  "a:b",       "a:123x",    "a:65536",
                                "a:123456", "a b", "a\tb",  "a/b",    "a@b",       "b\xc3\xa4", "a:80:80"}) {
    EXPECT_EQ(find_plain(authority), 0u) << authority;
  }
}

TEST(Authority, WithTooFewBytesInFrontNoneIsPlain) {
  EXPECT_EQ(find_plain("a", ""), 0u);
  EXPECT_EQ(find_plain("a", "Host: "), 0u);
  EXPECT_EQ(find_plain("0123456789abcdefg", ""), 0u);
}

TEST(Authority, EveryByteAtEveryPlaceIsReadAsByAPlainLoop) {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string authority(size, 'a');
        authority[at] = static_cast<char>(c);
        EXPECT_EQ(find_plain(authority), find_plain_slowly(authority)) << authority;
      }
    }
  }
}

TEST(Authority, RandomOnesAreReadAsByAPlainLoop) {
  std::mt19937 random(20);  // NOLINT: the same bytes in every run
  constexpr std::string_view kCharacters = "abz059-..::AZ_%[]/@`{";
  for (int round = 0; round < 50'000; ++round) {
    std::string authority;
    const std::size_t kinds = round % 2 == 0 ? 9 : kCharacters.size();
    for (std::size_t size = random() % 50; size > 0; --size) authority += kCharacters[random() % kinds];
    if (round % 3 == 0) authority += ":" + std::to_string(random() % 100'000);
    EXPECT_EQ(find_plain(authority), find_plain_slowly(authority)) << authority;
  }
}

TEST(Authority, ValidOnesHaveAHostAndMaybeAPort) {
  for (const char* good : {"a", "A.b_c~d", "a:", "a:0", "a:65535", "[::1]", "[::1]:80", "a%20b", "a.", ".a"})
    EXPECT_TRUE(is_valid_authority(good)) << good;
  for (const char* bad : {"", ":", ":80", ".", "..", "a..b", "a:65536", "a:1x", "a:-1", "a@b", "a b", "a/b",
                          "[::1", "[]", "[::1]x", "[::1%eth0]", "a:1:2"})
    EXPECT_FALSE(is_valid_authority(bad)) << bad;
}

}  // namespace
}  // namespace apisix::http
