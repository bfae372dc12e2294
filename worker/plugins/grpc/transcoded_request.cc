#include "worker/plugins/grpc/transcoded_request.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "shared/format/json_count.h"
#include "shared/format/proto_encode.h"
#include "shared/http/grpc_frames.h"
#include "shared/http/uri.h"
#include "worker/limits.h"

namespace apisix::plugins {

using format::Json;

Json json_of_arguments(std::string_view arguments, base::Arena& arena) {
  Json out(::Json::objectValue);
  for (const http::QueryArg& argument : http::decode_args(arguments, arena, limits::kFormFieldsMax)) {
    Json value = argument.has_value ? Json(std::string(argument.value)) : Json(true);
    Json& member = out[std::string(argument.name)];
    if (member.isNull()) {
      member = std::move(value);
    } else if (member.isArray()) {
      member.append(std::move(value));
    } else {
      Json list(::Json::arrayValue);
      list.append(std::move(member));
      list.append(std::move(value));
      member = std::move(list);
    }
  }
  return out;
}

std::optional<Json> json_of_body(std::string_view body) {
  auto value = format::parse_json(body);
  if (!value || (!value->isObject() && !value->isArray())) return std::nullopt;
  return *std::move(value);
}

base::Result<std::string> framed_message(const format::ProtoMessage& type, const Json& value) {
  std::string out(http::kGrpcHeadBytes, '\0');
  if (auto status = format::append_message(out, type, value); !status) return std::unexpected(status.error());
  const std::size_t size = out.size() - http::kGrpcHeadBytes;
  if (size > limits::kTranscodedBytesMax) return base::invalid("the message is too long");
  const auto head = http::grpc_frame_head(0, static_cast<std::uint32_t>(size));
  std::memcpy(out.data(), head.data(), head.size());
  return out;
}

std::string grpc_timeout(double deadline_ms) {
  constexpr double kDigitsMax =
      99'999'999;  // "TimeoutValue: positive integer as ASCII string of at most 8 digits"
  if (deadline_ms <= kDigitsMax)
    return fmt::format("{}m", static_cast<std::uint64_t>(std::max(deadline_ms, 1.0)));
  return fmt::format("{}S", static_cast<std::uint64_t>(std::min(deadline_ms / 1000, kDigitsMax)));
}

}  // namespace apisix::plugins
