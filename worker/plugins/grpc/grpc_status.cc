#include "worker/plugins/grpc/grpc_status.h"

#include <array>
#include <optional>
#include <vector>

#include "shared/base/base64.h"
#include "shared/base/text.h"
#include "shared/format/proto.h"
#include "shared/format/proto_wire.h"

namespace apisix::plugins {
namespace {

using format::ProtoJson;
using format::ProtoWire;

// google/rpc/status.proto, without its package.
constexpr std::string_view kStatusProto = R"(syntax = "proto3";
message Any { string type_url = 1; bytes value = 2; }
message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
message Head { int32 code = 1; string message = 2; })";
constexpr std::uint64_t kDetailsField = 3;
constexpr std::uint64_t kValueField = 2;

const format::ProtoMessage& status_message(std::string_view name) {
  static const auto schema = format::compile_proto(kStatusProto).value();
  return *schema->find_message(name);
}

std::optional<std::string> json_of(const format::ProtoMessage& type, std::string_view bytes,
                                   format::ProtoJsonOptions options) {
  std::string out;
  ProtoJson json(type, bytes, options);
  if (json.write(out, SIZE_MAX) != ProtoJson::State::kDone) return std::nullopt;
  return out;
}

// The values of all fields with that number that are bytes, of a message that was read whole before.
std::vector<std::string_view> values_of(std::uint64_t number, std::string_view message) {
  std::vector<std::string_view> out;
  while (!message.empty()) {
    const auto tag = format::read_varint(message);
    if (!tag) break;
    std::optional<std::string_view> value;
    switch (static_cast<ProtoWire>(*tag & 7)) {
      case ProtoWire::kBytes:
        value = format::read_bytes(message);
        break;
      case ProtoWire::kVarint:
        if (format::read_varint(message)) continue;
        break;
      case ProtoWire::kFixed64:
        if (format::read_fixed<std::uint64_t>(message)) continue;
        break;
      case ProtoWire::kFixed32:
        if (format::read_fixed<std::uint32_t>(message)) continue;
        break;
      default:
        break;
    }
    if (!value) break;
    if (*tag >> 3 == number) out.push_back(*value);
  }
  return out;
}

}  // namespace

std::uint16_t http_status_of_grpc(std::string_view grpc_status) {
  // From CANCELLED on, as Google's API design guide has them.
  static constexpr std::array<std::uint16_t, 17> kStatuses = {0,   499, 500, 400, 504, 404, 409, 403, 429,
                                                              400, 409, 400, 501, 500, 503, 500, 401};
  const auto code = base::parse_integer<unsigned>(grpc_status);
  return code && *code > 0 && *code < kStatuses.size() ? kStatuses[*code] : 599;
}

base::Result<std::string> grpc_error_body(std::string_view details_bin, const DetailType& details) {
  const auto bytes = base::decode_base64(details_bin);
  if (!bytes) return base::invalid("grpc-status-details-bin is not base64 format");
  auto status = json_of(status_message("Status"), *bytes, {});
  if (!status) return base::invalid("failed to call pb.decode to decode grpc-status-details-bin");
  if (details.type.empty()) return R"({"error":)" + *status + "}";

  constexpr const char* kWrong = "failed to call pb.decode to decode details in grpc-status-details-bin";
  const format::ProtoMessage* type = details.schema.find_message(details.type);
  std::string list;
  for (const std::string_view any : values_of(kDetailsField, *bytes)) {
    const auto values = values_of(kValueField, any);
    const auto one = type == nullptr ? std::nullopt
                                     : json_of(*type, values.empty() ? std::string_view{} : values.back(),
                                               details.options);
    if (!one) return base::invalid(kWrong);
    if (!list.empty()) list.push_back(',');
    list += *one;
  }
  status = json_of(status_message("Head"), *bytes, {});
  status->pop_back();
  return R"({"error":)" + *status + R"(,"details":[)" + list + "]}}";
}

}  // namespace apisix::plugins
