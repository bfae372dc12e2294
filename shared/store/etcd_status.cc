#include "shared/store/etcd_status.h"

#include <array>

#include <fmt/format.h>

namespace apisix::store {
namespace {

using base::ErrorCode;

bool contains(const grpc::Status& status, std::string_view text) {
  return status.error_message().find(text) != std::string::npos;
}

bool wants_token(const grpc::Status& status) {
  if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) return true;
  return status.error_code() == grpc::StatusCode::INVALID_ARGUMENT &&
         (contains(status, "revision of auth store is old") || contains(status, "user name is empty"));
}

// What gRPC and etcd say before they have done anything with the call.
bool was_not_sent(const grpc::Status& status) {
  constexpr std::array<std::string_view, 4> kTexts = {"failed to connect to all addresses",
                                                      "DNS resolution failed", "etcdserver: no leader",
                                                      "empty address list"};
  for (const std::string_view text : kTexts) {
    if (contains(status, text)) return true;
  }
  return false;
}

bool is_electing(const grpc::Status& status) {
  return contains(status, "etcdserver: leader changed") || contains(status, "previous leader failure");
}

ErrorCode code_of(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::NOT_FOUND:
      return ErrorCode::kNotFound;
    case grpc::StatusCode::INVALID_ARGUMENT:
      return contains(status, "too large") || contains(status, "too many operations") ? ErrorCode::kTooLarge
                                                                                      : ErrorCode::kInvalid;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      if (contains(status, "larger than max")) return ErrorCode::kTooLarge;
      return contains(status, "database space exceeded") ? ErrorCode::kIo : ErrorCode::kUnavailable;
    case grpc::StatusCode::OUT_OF_RANGE:
      return ErrorCode::kClosed;  // the revision was compacted, or is not there yet
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return ErrorCode::kTimeout;
    default:
      return ErrorCode::kUnavailable;
  }
}

}  // namespace

Verdict verdict_of(const grpc::Status& status) {
  if (status.ok()) return Verdict::kDone;
  if (wants_token(status)) return Verdict::kNeedsToken;
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      if (is_electing(status)) return Verdict::kElecting;
      return was_not_sent(status) ? Verdict::kNotSent : Verdict::kLost;
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::ABORTED:
      return Verdict::kLost;
    default:
      return Verdict::kRefused;
  }
}

base::Error error_of(const grpc::Status& status, std::string_view endpoint) {
  const Verdict verdict = verdict_of(status);
  const ErrorCode code = code_of(status);
  return {code, base::ErrorSource::kStore,
          (verdict != Verdict::kRefused && verdict != Verdict::kNeedsToken) || code == ErrorCode::kClosed,
          fmt::format("etcd {}: {}", endpoint,
                      status.error_message().empty() ? "no answer" : status.error_message())};
}

}  // namespace apisix::store
