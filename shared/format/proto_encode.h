// JSON -> a message of Protocol Buffers, by the rules of APISIX's transcoding, which are not those of the
// canonical mapping: members are named as fields are declared, bytes are text as it is, an enum is its name
// or number, well-known types are messages like others.
#pragma once

#include <string>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/format/proto_schema.h"

namespace apisix::format {

// Appends it. Members that the message does not have are ignored, null is absent, a field that is repeated
// takes one value for a list of one. Numbers may be text: decimal, 0x..., and with '#' in front. The error
// names the field; `out` has a part of the message then.
base::Status append_message(std::string& out, const ProtoMessage& type, const Json& value);

}  // namespace apisix::format
