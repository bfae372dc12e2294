#include "shared/http/accept_encoding.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

bool accepts(std::initializer_list<std::string> values, std::string_view coding = "gzip") {
  base::Arena arena;
  HeaderMap headers;
  for (const std::string& value : values) headers.add(arena, KnownHeader::kAcceptEncoding, value);
  return accepts_coding(headers, coding);
}

TEST(AcceptEncoding, NamedOrNot) {
  EXPECT_TRUE(accepts({"gzip"}));
  EXPECT_TRUE(accepts({"GZip"}));
  EXPECT_TRUE(accepts({"deflate, gzip;q=1.0, br"}));
  EXPECT_TRUE(accepts({"br", "gzip"}));
  EXPECT_FALSE(accepts({}));
  EXPECT_FALSE(accepts({""}));
  EXPECT_FALSE(accepts({"deflate, br"}));
  EXPECT_FALSE(accepts({"gzipp, xgzip"}));
  EXPECT_TRUE(accepts({"gzip, br"}, "br"));
}

TEST(AcceptEncoding, Weights) {
  EXPECT_TRUE(accepts({"gzip;q=0.001"}));
  EXPECT_TRUE(accepts({"gzip ; Q=1"}));
  EXPECT_FALSE(accepts({"gzip;q=0"}));
  EXPECT_FALSE(accepts({"gzip;q=0.000"}));
  EXPECT_FALSE(accepts({"gzip; q=0, *"}));
  EXPECT_TRUE(accepts({"gzip;x=0;q=1"}));
}

TEST(AcceptEncoding, AnyCoding) {
  EXPECT_TRUE(accepts({"*"}));
  EXPECT_TRUE(accepts({"br, *;q=0.1"}));
  EXPECT_FALSE(accepts({"*;q=0"}));
  EXPECT_FALSE(accepts({"*, gzip;q=0"}));
}

TEST(AcceptEncoding, StrangeText) {
  EXPECT_FALSE(accepts({",,;,;;q="}));
  EXPECT_FALSE(accepts({"gzip;q="}));
  EXPECT_TRUE(accepts({",gzip,"}));
}

}  // namespace
}  // namespace apisix::http
