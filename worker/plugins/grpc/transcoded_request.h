// What a request says, as a gRPC message: its JSON body, the fields of its form, or the arguments of its
// query.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/format/proto_schema.h"

namespace apisix::plugins {

// "a=1&b=2&b=3" as {"a": "1", "b": ["2", "3"]}; an argument without '=' is true. The first 100, as in APISIX.
format::Json json_of_arguments(std::string_view arguments, base::Arena& arena);

// A member for each field. Nothing: it is no JSON that may be parsed, an array or an object.
std::optional<format::Json> json_of_body(std::string_view body);

// With its five bytes of gRPC framing in front.
base::Result<std::string> framed_message(const format::ProtoMessage& type, const format::Json& value);

// The value of grpc-timeout for a number of milliseconds: at most eight digits and a unit.
std::string grpc_timeout(double deadline_ms);

}  // namespace apisix::plugins
