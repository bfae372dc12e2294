#include "worker/plugins/grpc/transcoded_response.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/format/proto.h"

namespace apisix::plugins {
namespace {

using std::string_literals::operator""s;

class TranscodedResponseTest : public ::testing::Test {
 protected:
  // The body in pieces of `step` bytes; what comes out, or "fault: ...". A turn of the loop for each again().
  std::string run(std::string_view bytes, std::size_t step = 1000, std::size_t bytes_max = 1 << 30) {
    TranscodedResponse response(*schema_->find_message("M"), {}, bytes_max);
    plugin::Body body(budget_);
    std::string out;
    turns_ = 0;
    do {
      const std::string_view piece = bytes.substr(0, step);
      bytes.remove_prefix(piece.size());
      body.begin(piece, bytes.empty());
      if (!filter(response, body)) return "fault: " + std::string(response.fault());
      while (body.is_unfinished()) {
        out += body.data();
        body.resume();
        if (!filter(response, body)) return "fault: " + std::string(response.fault());
      }
      out += body.data();
    } while (!bytes.empty());
    EXPECT_TRUE(body.last());
    return out;
  }

  bool filter(TranscodedResponse& response, plugin::Body& body) {
    ++turns_;
    if (!response.is_whole() && !response.gather(body)) return false;
    if (response.is_whole() && !response.let_out(body)) return false;
    body.end_filter(true, this);
    return true;
  }

  const base::Ref<const format::ProtoSchema> schema_ =
      format::compile_proto(R"(syntax = "proto3"; message M { string a = 1; repeated string b = 2; })")
          .value();
  plugin::BodyBudget* budget_ = nullptr;
  int turns_ = 0;
};

std::string frame(const std::string& message) {
  const auto head = http::grpc_frame_head(0, static_cast<std::uint32_t>(message.size()));
  return std::string(head.data(), head.size()) + message;
}

TEST_F(TranscodedResponseTest, MessageIsJsonHoweverItComes) {
  const std::string body = frame("\x0a\x02xy\x12\x01z");
  for (std::size_t step = 1; step <= body.size(); ++step) {
    EXPECT_EQ(run(body, step), R"({"a":"xy","b":["z"]})") << step;
  }
  EXPECT_EQ(run(""), R"({"a":"","b":[]})");
}

TEST_F(TranscodedResponseTest, LongMessageTakesSeveralTurns) {
  std::string message;
  std::string json = R"({"a":"","b":[)";
  for (int i = 0; i < 100'000; ++i) {
    message +=
        "\x12\x05"
        "abcde";
    json += R"("abcde",)";
  }
  json.back() = ']';
  EXPECT_EQ(run(frame(message), 64 * 1024), json + "}");
  EXPECT_GT(turns_, 20);
}

TEST_F(TranscodedResponseTest, BodiesThatAreNoReply) {
  EXPECT_EQ(run(frame("\x0a\x05x")), "fault: failed to decode response data by protobuf");
  EXPECT_EQ(run(frame("\x0a\x01x").substr(0, 7)), "fault: the body ends within a message");
  EXPECT_EQ(run("\x01"s + frame("\x0a\x01x").substr(1)), "fault: the message is compressed");
  EXPECT_EQ(run(frame("") + frame("")), "fault: there is more than one message");
  EXPECT_EQ(run(frame("\x0a\x03xyz"), 1000, 4), "fault: the message is longer than max_resp_body_size");
}

TEST_F(TranscodedResponseTest, WhatTheWorkerMayNotHoldIsAFault) {
  const base::Clock clock;
  plugin::BodyBudget budget(100, clock);
  budget_ = &budget;
  EXPECT_EQ(run(frame("\x0a\x02xy")), R"({"a":"xy","b":[]})");
  EXPECT_EQ(run(frame("\x0a\x7f" + std::string(127, 'x'))), "fault: the worker may not hold it");
  EXPECT_EQ(run(frame("\x0a\x3c" + std::string(60, '\1'))), "fault: the worker may not hold it");  // as JSON
  EXPECT_EQ(budget.held(), 0U);
}

}  // namespace
}  // namespace apisix::plugins
