// The rules of gRPC over HTTP/2 that the gateway itself needs (gRPC's PROTOCOL-HTTP2 and its mapping of HTTP
// statuses): what is a call, how long its client waits, which code stands for a status. Messages are not read
// here.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace apisix::http {

enum class GrpcCode : std::uint8_t {
  kOk = 0,
  kUnknown = 2,
  kDeadlineExceeded = 4,
  kPermissionDenied = 7,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16
};

// "application/grpc", with a "+codec" or parameters; not "application/grpc-web".
bool is_grpc_type(std::string_view content_type);

// Of grpc-timeout, 1 to 8 digits and a unit, in milliseconds and rounded up. Nothing: it is malformed.
std::optional<std::uint64_t> parse_grpc_timeout(std::string_view value);

// What gRPC clients make of a response that has an HTTP status and no grpc-status.
GrpcCode grpc_code_of(std::uint16_t status);

}  // namespace apisix::http
