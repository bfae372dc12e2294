#include "shared/http/grpc.h"

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

TEST(Grpc, TypeIsItselfWithACodecOrParameters) {
  for (const char* const type :
       {"application/grpc", "application/grpc+proto", "application/grpc+json",
        "application/grpc;charset=utf-8", "Application/gRPC", "application/grpc ; a=b"}) {
    EXPECT_TRUE(is_grpc_type(type)) << type;
  }
  for (const char* const type : {"", "application/grp", "application/grpc-web", "application/grpc-web+proto",
                                 "application/grpcx", "application/json", "text/application/grpc"}) {
    EXPECT_FALSE(is_grpc_type(type)) << type;
  }
}

TEST(Grpc, TimeoutIsDigitsAndAUnit) {
  EXPECT_EQ(parse_grpc_timeout("1H"), 3'600'000u);
  EXPECT_EQ(parse_grpc_timeout("2M"), 120'000u);
  EXPECT_EQ(parse_grpc_timeout("3S"), 3'000u);
  EXPECT_EQ(parse_grpc_timeout("250m"), 250u);
  EXPECT_EQ(parse_grpc_timeout("1500u"), 2u);
  EXPECT_EQ(parse_grpc_timeout("1n"), 1u);
  EXPECT_EQ(parse_grpc_timeout("0S"), 0u);
  EXPECT_EQ(parse_grpc_timeout("99999999H"), 99'999'999u * std::uint64_t{3'600'000});
}

TEST(Grpc, TimeoutThatIsMalformedIsNone) {
  for (const char* const value :
       {"", "S", "1", "1s", "-1S", "1.5S", " 1S", "1S ", "123456789S", "1SS", "0x1S"})
    EXPECT_EQ(parse_grpc_timeout(value), std::nullopt) << value;
}

// http-grpc-status-mapping.md
TEST(Grpc, CodeIsWhatClientsMakeOfTheStatus) {
  EXPECT_EQ(grpc_code_of(400), GrpcCode::kInternal);
  EXPECT_EQ(grpc_code_of(401), GrpcCode::kUnauthenticated);
  EXPECT_EQ(grpc_code_of(403), GrpcCode::kPermissionDenied);
  EXPECT_EQ(grpc_code_of(404), GrpcCode::kUnimplemented);
  for (const std::uint16_t status : {429, 502, 503, 504})
    EXPECT_EQ(grpc_code_of(status), GrpcCode::kUnavailable) << status;
  for (const std::uint16_t status : {408, 413, 500})
    EXPECT_EQ(grpc_code_of(status), GrpcCode::kUnknown) << status;
}

}  // namespace
}  // namespace apisix::http
