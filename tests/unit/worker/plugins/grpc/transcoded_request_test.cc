#include "worker/plugins/grpc/transcoded_request.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/format/proto.h"

namespace apisix::plugins {
namespace {

TEST(TranscodedRequest, ArgumentsAreMembers) {
  base::Arena arena;
  EXPECT_EQ(format::to_json(json_of_arguments("a=1&b=%20x+y&c&a=2&d=&a=3", arena)),
            R"({"a":["1","2","3"],"b":" x y","c":true,"d":""})");
  EXPECT_EQ(format::to_json(json_of_arguments("", arena)), "{}");
}

TEST(TranscodedRequest, OnlyTheFirstHundredArgumentsCount) {
  base::Arena arena;
  std::string many;
  for (int i = 0; i < 150; ++i) many += "k" + std::to_string(i) + "=v&";
  EXPECT_EQ(json_of_arguments(many, arena).size(), 100U);
}

TEST(TranscodedRequest, BodiesThatAreJson) {
  EXPECT_TRUE(json_of_body(R"({"a": 1})"));
  EXPECT_TRUE(json_of_body("[]"));
  EXPECT_FALSE(json_of_body("5"));
  EXPECT_FALSE(json_of_body("a=1"));
  EXPECT_FALSE(json_of_body(""));
}

TEST(TranscodedRequest, MessageHasItsFrame) {
  const auto schema = format::compile_proto(R"(syntax = "proto3"; message M { string a = 1; })").value();
  const format::ProtoMessage& type = *schema->find_message("M");
  EXPECT_EQ(*framed_message(type, *format::parse_json(R"({"a": "xy"})")),
            std::string("\0\0\0\0\4\x0a\x02xy", 9));
  EXPECT_EQ(*framed_message(type, format::Json()), std::string(5, '\0'));
  EXPECT_EQ(framed_message(type, *format::parse_json(R"({"a": 5})")).error().what,
            "string expected for field 'a'");
  const std::string large(300, 'x');
  EXPECT_EQ(framed_message(type, *format::parse_json(R"({"a": ")" + large + "\"}"))->substr(0, 8),
            std::string("\0\0\0\x01\x2f\x0a\xac\x02", 8));
}

TEST(TranscodedRequest, TimeoutHasAtMostEightDigits) {
  EXPECT_EQ(grpc_timeout(500), "500m");
  EXPECT_EQ(grpc_timeout(0.2), "1m");
  EXPECT_EQ(grpc_timeout(99'999'999), "99999999m");
  EXPECT_EQ(grpc_timeout(100'000'000), "100000S");
  EXPECT_EQ(grpc_timeout(1e300), "99999999S");
}

}  // namespace
}  // namespace apisix::plugins
