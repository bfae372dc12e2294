// Result<T>: the way an expected failure travels. An Error says who caused it, so that the place that
// finally answers can choose between 4xx, 5xx and a retry without parsing text.
// Broken invariants of our own never become an Error: they are CHECKs (check.h).
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace apisix::base {

enum class ErrorSource : unsigned char { kClient, kUpstream, kGateway, kStore };

enum class ErrorCode : unsigned char {
  kInvalid,  // malformed or refused input
  kNotFound,
  kConflict,  // lost compare-and-swap, already exists
  kTooLarge,  // over a limit of limits.h
  kTimeout,
  kUnavailable,  // the other side is away, refused, or reset
  kClosed,       // the other side ended in the middle
  kIo,           // system call failed, errno is in `what`
  kInternal,
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  ErrorSource source = ErrorSource::kGateway;
  bool retryable = false;
  std::string what;  // for logs and clients: what, where, expected; never a secret
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

// The common case: something a client, a file or an operator gave us is wrong.
inline std::unexpected<Error> invalid(std::string what) {
  return std::unexpected(Error{ErrorCode::kInvalid, ErrorSource::kClient, false, std::move(what)});
}

inline std::unexpected<Error> fail(ErrorCode code, ErrorSource source, std::string what,
                                   bool retryable = false) {
  return std::unexpected(Error{code, source, retryable, std::move(what)});
}

// An Error of kind kIo from errno: "<doing>: <strerror>".
std::unexpected<Error> system_error(std::string_view doing, int error_number);

}  // namespace apisix::base
