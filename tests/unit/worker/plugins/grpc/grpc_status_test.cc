#include "worker/plugins/grpc/grpc_status.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/base/base64.h"
#include "shared/format/proto.h"

namespace apisix::plugins {
namespace {

using std::string_literals::operator""s;

class GrpcErrorBody : public ::testing::Test {
 protected:
  std::string body_of(std::string_view status, std::string_view type = {}) const {
    const auto body = grpc_error_body(base::encode_base64(status), {*schema_, type, {}});
    return body ? *body : "error: " + body.error().what;
  }

  const base::Ref<const format::ProtoSchema> schema_ =
      format::compile_proto(
          R"(syntax = "proto3"; package t; message Detail { int64 code = 1; string text = 2; })")
          .value();
};

// Code 5, "gone", and two details of type "t": the first is {code: 7}, the second is empty.
const std::string kStatus = "\x08\x05\x12\x04gone\x1a\x07\x0a\x01t\x12\x02\x08\x07\x1a\x03\x0a\x01t"s;

TEST_F(GrpcErrorBody, DetailsAsTheyAre) {
  EXPECT_EQ(
      body_of(kStatus),
      R"({"error":{"code":5,"message":"gone","details":[{"type_url":"t","value":"\u0008\u0007"},{"type_url":"t","value":""}]}})");
  EXPECT_EQ(body_of(""), R"({"error":{"code":0,"message":"","details":[]}})");
}

TEST_F(GrpcErrorBody, DetailsOfAType) {
  EXPECT_EQ(body_of(kStatus, "t.Detail"),
            R"({"error":{"code":5,"message":"gone","details":[{"code":7,"text":""},{"code":0,"text":""}]}})");
  EXPECT_EQ(body_of("\x08\x05"s, "t.Detail"), R"({"error":{"code":5,"message":"","details":[]}})");
  EXPECT_EQ(body_of(kStatus, "t.Other"),
            "error: failed to call pb.decode to decode details in grpc-status-details-bin");
  EXPECT_EQ(body_of("\x1a\x07\x0a\x01t\x12\x02\x08\xff"s, "t.Detail"),
            "error: failed to call pb.decode to decode details in grpc-status-details-bin");
}

TEST_F(GrpcErrorBody, BytesThatAreNoStatus) {
  EXPECT_EQ(body_of("\x12\x04go"s), "error: failed to call pb.decode to decode grpc-status-details-bin");
  EXPECT_EQ(body_of("\x1a\x02\x0a\x05"s),
            "error: failed to call pb.decode to decode grpc-status-details-bin");
  EXPECT_EQ(grpc_error_body("*", {*schema_, {}, {}}).error().what,
            "grpc-status-details-bin is not base64 format");
}

TEST(GrpcStatus, HttpStatuses) {
  EXPECT_EQ(http_status_of_grpc("1"), 499);
  EXPECT_EQ(http_status_of_grpc("5"), 404);
  EXPECT_EQ(http_status_of_grpc("14"), 503);
  EXPECT_EQ(http_status_of_grpc("16"), 401);
  for (const char* other : {"17", "", "-1", "x", "99999999999"})
    EXPECT_EQ(http_status_of_grpc(other), 599) << other;
}

}  // namespace
}  // namespace apisix::plugins
