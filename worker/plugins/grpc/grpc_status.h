// The status of a gRPC call as an HTTP client gets it: a status code, and a body of grpc-status-details-bin.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/format/proto_json.h"

namespace apisix::plugins {

// Of a grpc-status other than "0"; 599: it is none that gRPC defines.
std::uint16_t http_status_of_grpc(std::string_view grpc_status);

// The message types of the details; `type` empty: they stay as they are, {"type_url": ..., "value": ...}.
struct DetailType {
  const format::ProtoSchema& schema;
  std::string_view type;
  format::ProtoJsonOptions options;
};

// {"error":{"code":5,"message":"...","details":[...]}} of the field's value, base64 of a google.rpc.Status.
// The error is what APISIX puts into the body instead.
base::Result<std::string> grpc_error_body(std::string_view details_bin, const DetailType& details);

}  // namespace apisix::plugins
