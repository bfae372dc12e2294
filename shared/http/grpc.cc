#include "shared/http/grpc.h"

#include "shared/base/text.h"

namespace apisix::http {

bool is_grpc_type(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (content_type.size() < kType.size() ||
      !base::equals_ignore_case(content_type.substr(0, kType.size()), kType)) {
    return false;
  }
  const std::string_view rest = base::trim(content_type.substr(kType.size()));
  return rest.empty() || rest.front() == '+' || rest.front() == ';';
}

std::optional<std::uint64_t> parse_grpc_timeout(std::string_view value) {
  constexpr std::size_t kDigitsMax = 8;
  if (value.size() < 2 || value.size() > kDigitsMax + 1) return std::nullopt;
  std::uint64_t number = 0;
  for (const char digit : value.substr(0, value.size() - 1)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  switch (value.back()) {
    case 'H':
      return number * 3'600'000;
    case 'M':
      return number * 60'000;
    case 'S':
      return number * 1000;
    case 'm':
      return number;
    case 'u':
      return (number + 999) / 1000;
    case 'n':
      return (number + 999'999) / 1'000'000;
    default:
      return std::nullopt;
  }
}

GrpcCode grpc_code_of(std::uint16_t status) {
  switch (status) {
    case 400:
      return GrpcCode::kInternal;
    case 401:
      return GrpcCode::kUnauthenticated;
    case 403:
      return GrpcCode::kPermissionDenied;
    case 404:
      return GrpcCode::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcCode::kUnavailable;
    default:
      return GrpcCode::kUnknown;
  }
}

}  // namespace apisix::http
