#include "worker/plugins/grpc/transcoded_response.h"

namespace apisix::plugins {

using Event = http::GrpcFrameReader::Event;

TranscodedResponse::TranscodedResponse(const format::ProtoMessage& type, format::ProtoJsonOptions options,
                                       std::size_t bytes_max)
    : type_(type), options_(options), frames_(bytes_max) {}

bool TranscodedResponse::fail(const char* fault) {
  fault_ = fault;
  message_.clear();
  std::string().swap(json_);
  writer_.reset();
  return false;
}

bool TranscodedResponse::gather(plugin::Body& body) {
  if (!charge_) charge_.emplace(body.budget());
  if (!take(body.data()) || !hold()) return false;
  body.output();
  if (!body.last()) return true;
  if (!frames_.is_between()) return fail("the body ends within a message");
  writer_.emplace(type_, message_.view(), options_);
  state_ = State::kWriting;
  return true;
}

bool TranscodedResponse::take(std::string_view data) {
  std::string_view piece;
  for (;;) {
    switch (frames_.next(data, piece)) {
      case Event::kMore:
        return true;
      case Event::kHead:
        if (frames_.flags() != 0) return fail("the message is compressed");
        if (++messages_ > 1) return fail("there is more than one message");
        break;
      case Event::kPiece:
        message_.append(piece);
        break;
      case Event::kEnd:
        break;
      case Event::kTooLong:
        return fail("the message is longer than max_resp_body_size");
    }
  }
}

bool TranscodedResponse::hold() {
  const std::size_t kept = writer_ ? writer_->bytes_kept() : 0;
  return charge_->set(message_.size() + json_.size() + kept) || fail("the worker may not hold it");
}

bool TranscodedResponse::let_out(plugin::Body& body) {
  if (state_ == State::kWriting) {
    const auto written = writer_->write(json_, plugin::kBodySliceBytes);
    if (written == format::ProtoJson::State::kBroken)
      return fail("failed to decode response data by protobuf");
    if (!hold()) return false;
    if (written == format::ProtoJson::State::kMore) {
      body.output();
      body.again();
      return true;
    }
    writer_.reset();
    message_.clear();
    state_ = State::kLettingOut;
  }
  const std::string_view rest = std::string_view(json_).substr(bytes_out_);
  body.replace(rest.substr(0, plugin::kBodySliceBytes));
  if (rest.size() > plugin::kBodySliceBytes) {
    bytes_out_ += plugin::kBodySliceBytes;
    body.again();
    return true;
  }
  body.finish();
  std::string().swap(json_);
  charge_->set(0);
  return true;
}

}  // namespace apisix::plugins
