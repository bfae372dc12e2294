// TranscodedResponse: the body of a unary gRPC response, which becomes JSON. The message is gathered as it
// comes, within the worker's budget; then it is written as JSON, and that let out, one slice in a turn of the
// loop.
//
//   kGathering --last piece--> kWriting -> kLettingOut -> (done)
//        `--------- fault() is set, nothing of the response is sent yet
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/counted.h"
#include "shared/format/proto_json.h"
#include "shared/http/grpc_frames.h"
#include "worker/plugin/body.h"
#include "worker/plugin/held_text.h"

namespace apisix::plugins {

class TranscodedResponse {
 public:
  // `type` lives as long as the schema that the caller keeps.
  TranscodedResponse(const format::ProtoMessage& type, format::ProtoJsonOptions options,
                     std::size_t bytes_max);

  // One piece of the upstream's body. Nothing comes out before the last one. False: fault().
  bool gather(plugin::Body& body);
  // Behind the last piece, once in each turn. False: fault().
  bool let_out(plugin::Body& body);
  bool is_whole() const { return state_ != State::kGathering; }
  std::string_view fault() const { return fault_; }

 private:
  enum class State : std::uint8_t { kGathering, kWriting, kLettingOut };

  bool fail(const char* fault);
  bool take(std::string_view data);
  bool hold();

  const format::ProtoMessage& type_;
  const format::ProtoJsonOptions options_;
  http::GrpcFrameReader frames_;
  std::optional<plugin::BodyBudget::Charge> charge_;
  plugin::HeldText message_;
  std::optional<format::ProtoJson> writer_;
  std::string json_;
  std::size_t bytes_out_ = 0;
  std::size_t messages_ = 0;
  const char* fault_ = "";
  State state_ = State::kGathering;
};

}  // namespace apisix::plugins
